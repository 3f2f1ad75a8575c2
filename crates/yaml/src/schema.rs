//! The JSON Schema of a kind of file, from the same tables that judge it, for completion and marks in editors.

use serde_json::{Map, Value, json};

use crate::kind::Kind;
use crate::table::{Form, Table};
use crate::units;

impl Kind {
    /// The JSON Schema (draft 2020-12) of files of this kind. The tables must not hold themselves: it has no references.
    pub fn schema(&self) -> Value {
        let mut schema = table(self.table);
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(self.title));
        Value::Object(schema)
    }

    /// The same as the text of a file.
    pub fn schema_text(&self) -> String {
        format!("{:#}\n", self.schema())
    }
}

fn table(table: &Table) -> Map<String, Value> {
    let properties: Map<String, Value> = table
        .keys
        .iter()
        .map(|key| {
            let mut form = form(&key.form);
            form.insert("description".to_owned(), json!(key.note));
            (key.name.to_owned(), Value::Object(form))
        })
        .collect();
    let needed: Vec<&str> = table.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    let mut map = object(json!({"type": "object", "additionalProperties": false, "properties": properties}));
    if !needed.is_empty() {
        map.insert("required".to_owned(), json!(needed));
    }
    if !table.choice.is_empty() {
        let choice: Vec<Value> = table.choice.iter().map(|key| json!({"required": [key]})).collect();
        map.insert("oneOf".to_owned(), json!(choice));
    }
    map
}

fn form(shape: &Form) -> Map<String, Value> {
    let unit = |units: &[(&str, f64)]| json!({"anyOf": [{"type": "string", "pattern": units::pattern(units)}, {"const": 0}]});
    object(match shape {
        // YAML takes a bare 123 for a number; it is meant as text all the same.
        Form::Text | Form::AnyText | Form::Secret => json!({"type": ["string", "number", "boolean"]}),
        Form::Nothing => json!({"type": "null"}),
        Form::Prose => json!({"type": "string"}),
        Form::Line(line) => json!({"type": "string", "examples": line.examples}),
        Form::Whole(least) => json!({"anyOf": [
            {"type": "integer", "minimum": least},
            {"type": "string", "pattern": "^[0-9][0-9_]*$"}
        ]}),
        Form::Number => json!({"type": "number", "minimum": 0}),
        Form::Share => json!({"anyOf": [{"type": "string", "pattern": "^[0-9.]+ ?%$"}, {"const": 0}]}),
        Form::Duration | Form::Period => unit(units::DURATIONS),
        Form::Rate => unit(units::RATES),
        Form::Bandwidth => unit(units::BANDWIDTHS),
        Form::Size => json!({"anyOf": [
            {"type": "string", "pattern": units::pattern(units::SIZES)},
            {"type": "integer", "minimum": 0}
        ]}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Word(words) => {
            // A bare 1.3 is a number to YAML.
            let numbers = words.iter().filter_map(|word| word.parse::<f64>().ok()).map(Value::from);
            let all: Vec<Value> = words.iter().copied().map(Value::from).chain(numbers).collect();
            json!({"enum": all})
        }
        Form::Map(inner) => return table(inner),
        // The names of the properties are values with units, which JSON Schema cannot order or add up.
        Form::Pairs(key, value) => {
            let (names, values) = (form(key), form(value));
            json!({"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": values})
        }
        Form::Numbered(value) => {
            let names = json!({"pattern": "^[1-9][0-9]*$"});
            json!({"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": form(value)})
        }
        Form::ListOrEmpty(item) => json!({"type": "array", "items": form(item)}),
        Form::List(item) => json!({"type": "array", "minItems": 1, "items": form(item)}),
        Form::Either(forms) => json!({"anyOf": forms.iter().map(form).collect::<Vec<_>>()}),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
