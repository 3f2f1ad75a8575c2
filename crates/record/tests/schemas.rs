//! The committed JSON Schemas are those of the types. `UPDATE_SCHEMAS=1 cargo test -p poplab-record` rewrites them.

use std::path::Path;
use std::{env, fs};

#[test]
fn committed_schemas_are_current_and_no_other_lies_about() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let update = env::var_os("UPDATE_SCHEMAS").is_some();
    let mut expected = Vec::new();
    for (name, text) in record::schemas() {
        let path = folder.join(format!("{name}.json"));
        if update {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "schemas/{name}.json is not what the types say; \
             UPDATE_SCHEMAS=1 cargo test -p poplab-record rewrites it"
        );
        expected.push(format!("{name}.json"));
    }

    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
