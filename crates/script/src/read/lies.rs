//! Reading `lies`.

use std::collections::BTreeMap;

use yaml::{Findings, Node, units};

use super::{state, text};
use crate::{Capabilities, Lies, Listing, Values};

/// What is right of them; what is wrong has been told.
pub(super) fn lies(node: &Node, findings: &mut Findings<'_>) -> Lies {
    let stat = node.at("stat");
    let mut told = |key: &str| text::told(stat?.at(key)?, findings);
    let (count, octets) = (told("count"), told("octets"));
    let capabilities = match node.at("capabilities") {
        Some(one) if one.map().is_some() => vec![capabilities(one, findings)],
        Some(several) => {
            several.list().into_iter().flatten().map(|one| capabilities(one, findings)).collect()
        }
        None => Vec::new(),
    };
    Lies {
        count,
        octets,
        list: listing(node.at("list"), "sizes", findings),
        uidl: listing(node.at("uidl"), "unique_ids", findings),
        capabilities,
    }
}

fn listing(node: Option<&Node>, key: &str, findings: &mut Findings<'_>) -> Listing {
    let Some(node) = node else { return Listing::default() };
    let number = |item: &Node| units::whole(item.scalar()?).ok();
    Listing {
        values: values(node.at(key), findings),
        numbers: values(node.at("numbers"), findings),
        leave_out: node.items("leave_out").iter().filter_map(number).collect(),
        reversed: node.text("order") == Some("reversed"),
        add: added(node, findings),
    }
}

fn values(node: Option<&Node>, findings: &mut Findings<'_>) -> Values {
    let Some(node) = node else { return Values::True };
    let Some(entries) = node.map() else {
        return text::told(node, findings).map_or(Values::True, Values::All);
    };
    let mut some = BTreeMap::new();
    for (name, value) in entries {
        let number = name.scalar().and_then(|text| units::whole(text).ok());
        // Both are read, so that all that is wrong is told.
        some.extend(number.zip(text::told(value, findings)));
    }
    Values::Some(some)
}

fn added(node: &Node, findings: &mut Findings<'_>) -> Vec<Vec<u8>> {
    let line = |item: &Node| text::octets(item, item.scalar()?, findings);
    node.items("add").iter().filter_map(line).collect()
}

fn capabilities(node: &Node, findings: &mut Findings<'_>) -> Capabilities {
    if node.at("hide").is_none() && node.at("add").is_none() {
        findings.wrong(node, "this says nothing; it takes `hide`, `add`, or both");
    }
    let whole = |key: &str| node.read(key, units::whole);
    Capabilities {
        hide: node.items("hide").iter().filter_map(Node::scalar).map(|tag| tag.trim().to_owned()).collect(),
        add: added(node, findings),
        state: state(node),
        tls: node.text("tls").map(|text| text == "true"),
        session: whole("session"),
        nth: whole("nth"),
    }
}
