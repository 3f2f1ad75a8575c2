//! Who may depend on whom. Adding an arrow is a decision about the architecture: it changes the table here and the
//! code map of ARCHITECTURE.md in one commit.

use super::manifests::dependencies;
use super::{Finding, Tree};

/// One crate and what it may be built with; what its tests use is free.
struct Layer {
    name: &'static str,
    house: &'static [&'static str],
    /// Dependencies from outside; `None` leaves them to [`ONLY_IN`].
    outside: Option<&'static [&'static str]>,
}

/// In the order of the layers: a crate may only depend on crates above it.
const LAYERS: &[Layer] = &[
    Layer { name: "chance", house: &[], outside: Some(&["rand_xoshiro", "serde"]) },
    Layer { name: "yaml", house: &[], outside: Some(&["serde", "serde_json", "serde-saphyr"]) },
    Layer { name: "proto", house: &[], outside: Some(&["memchr"]) },
    Layer { name: "machine", house: &[], outside: Some(&[]) },
    Layer { name: "sasl", house: &[], outside: None },
    Layer { name: "transcript", house: &[], outside: None },
    Layer { name: "record", house: &[], outside: None },
    Layer { name: "stats", house: &["chance", "record"], outside: None },
    Layer { name: "mail", house: &["chance"], outside: None },
    Layer { name: "scenario", house: &["chance", "yaml"], outside: None },
    Layer { name: "script", house: &["machine", "yaml"], outside: Some(&[]) },
    Layer { name: "observer", house: &["proto", "sasl", "transcript"], outside: Some(&[]) },
    Layer {
        name: "recording",
        house: &["machine", "sasl", "transcript", "observer"],
        outside: Some(&["serde", "serde_json"]),
    },
    Layer {
        name: "fake",
        house: &["chance", "machine", "proto", "sasl", "transcript", "mail", "script", "observer"],
        outside: None,
    },
    Layer { name: "net", house: &["machine"], outside: None },
    Layer { name: "server", house: &["fake", "mail", "net", "script"], outside: Some(&["tokio"]) },
    Layer {
        name: "suite",
        house: &["chance", "yaml", "proto", "sasl", "mail", "transcript", "record", "stats", "net"],
        outside: None,
    },
    Layer {
        name: "load",
        house: &["chance", "proto", "sasl", "mail", "transcript", "record", "stats", "scenario", "net"],
        outside: None,
    },
    Layer {
        name: "report",
        house: &["transcript", "record", "stats"],
        outside: Some(&["serde", "serde_json", "quick-junit", "maud", "thiserror"]),
    },
    Layer {
        name: "poplab",
        house: &[
            "chance",
            "machine",
            "recording",
            "yaml",
            "proto",
            "sasl",
            "mail",
            "transcript",
            "record",
            "stats",
            "scenario",
            "script",
            "observer",
            "fake",
            "net",
            "server",
            "suite",
            "load",
            "report",
        ],
        outside: None,
    },
    Layer {
        name: "bench",
        house: &["chance", "proto", "mail", "record", "scenario", "fake", "net", "load"],
        outside: None,
    },
];

/// Dependencies from outside that belong to one layer.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rand_xoshiro", &["chance"]),
    // What users hand to poplab is read by `yaml`; suite reads its own catalogue, which nobody else writes.
    ("serde-saphyr", &["yaml", "suite"]),
    ("rustls", &["net", "bench"]),
    ("tokio-rustls", &["net"]),
    ("rustls-platform-verifier", &["net"]),
    ("rcgen", &["net"]),
    ("socket2", &["net"]),
    ("libc", &["net"]),
    ("rustix", &["net", "poplab", "bench"]),
    ("anyhow", &["poplab", "bench"]),
    ("clap", &["poplab"]),
    ("indicatif", &["poplab"]),
    ("rpassword", &["poplab"]),
    ("tokio", &["net", "server", "suite", "load", "poplab", "bench"]),
];

/// Tests every manifest of `crates/` and that of xtask.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for name in tree.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        let Some(manifest) = tree.text(&path) else {
            findings.push(Finding::new(
                &path,
                1,
                "the folder is no crate; give it a manifest or move its files",
            ));
            continue;
        };
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
            findings.push(Finding::new(&path, 1, format!(
                "`{name}` stands in no layer; add it to the table in xtask/src/tidy/layers.rs and to the code map \
                 of ARCHITECTURE.md"
            )));
            continue;
        };
        for dependency in dependencies(manifest) {
            if let Some(what) = objection(layer, dependency.name) {
                findings.push(Finding::new(&path, dependency.line, what));
            }
        }
    }
    if let Some(manifest) = tree.text("xtask/Cargo.toml") {
        for dependency in dependencies(manifest) {
            findings.push(Finding::new(
                "xtask/Cargo.toml",
                dependency.line,
                format!(
                    "xtask may depend on nothing, so that the first command is quick; do without `{}`",
                    dependency.name
                ),
            ));
        }
    }
}

fn objection(layer: &Layer, dependency: &str) -> Option<String> {
    let name = layer.name;
    if LAYERS.iter().any(|layer| layer.name == dependency) {
        return (!layer.house.contains(&dependency)).then(|| {
            format!(
                "`{name}` may not depend on `{dependency}` (the layers are in xtask/src/tidy/layers.rs); move the \
                 code to the layer it belongs to, or pass what you need as an argument"
            )
        });
    }
    if layer.outside.is_some_and(|outside| !outside.contains(&dependency)) {
        return Some(format!(
            "`{name}` is kept free of dependencies, and `{dependency}` is not on its list in \
             xtask/src/tidy/layers.rs; do without it"
        ));
    }
    let (_, homes) = ONLY_IN.iter().find(|(only, homes)| *only == dependency && !homes.contains(&name))?;
    Some(format!("`{dependency}` belongs to {} alone; call that crate instead", homes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    fn of(name: &str, dependency: &str) -> Vec<String> {
        let manifest = format!("[dependencies]\n{dependency}.workspace = true\n");
        findings(check, &[(&format!("crates/{name}/Cargo.toml"), &manifest)])
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        let found = of("proto", "net");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/proto/Cargo.toml:2: `proto` may not depend on `net`"));
        assert_eq!(of("net", "fake").len(), 1);
        assert_eq!(of("net", "machine"), Vec::<String>::new());
    }

    #[test]
    fn a_dependency_outside_its_home_is_found() {
        assert!(of("suite", "rustls")[0].contains("`rustls` belongs to net, bench alone"));
        assert!(of("fake", "tokio")[0].contains("belongs to net, server, suite, load, poplab, bench alone"));
        assert!(of("proto", "thiserror")[0].contains("kept free of dependencies"));
        assert!(of("report", "jiff")[0].contains("kept free of dependencies"));
    }

    #[test]
    fn an_unknown_crate_and_a_dependency_of_xtask_are_found() {
        assert!(of("helpers", "proto")[0].contains("stands in no layer"));
        let found = findings(check, &[("xtask/Cargo.toml", "[dependencies]\nanyhow.workspace = true\n")]);
        assert!(found[0].starts_with("xtask/Cargo.toml:2: xtask may depend on nothing"));
    }

    #[test]
    fn the_table_itself_has_arrows_to_earlier_layers_only() {
        for (index, layer) in LAYERS.iter().enumerate() {
            for dependency in layer.house {
                assert!(
                    LAYERS[..index].iter().any(|earlier| earlier.name == *dependency),
                    "{} -> {dependency}",
                    layer.name
                );
            }
        }
    }
}
