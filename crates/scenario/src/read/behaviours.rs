//! Behaviours: the keys of each, and the defaults of the scenario for what it leaves out.

use std::time::Duration;

use chance::Distribution;
use yaml::{Node, units};

use super::{Reader, period};
use crate::model::{Behaviour, Hold, Link, Mechanism, Weighted};
use crate::table::{BEHAVIOURS, OWN_KEYS};

impl Reader<'_> {
    pub(super) fn behaviours(&mut self, root: &Node) -> Option<Vec<Weighted>> {
        let think = match root.at("think") {
            Some(think) => self.distribution(think, units::seconds),
            None => Some(Distribution::Fixed(0.0)),
        };
        let link = root.at("link").map_or_else(Link::default, read_link);
        let login = mechanism(root).unwrap_or_default();
        let node = root.at("behaviours")?;
        let items = node.list()?;
        let mut all = Vec::new();
        for item in items {
            let behaviour = self.behaviour(item);
            let own = match item.at("think") {
                Some(think) => self.distribution(think, units::seconds),
                None => think.clone(),
            };
            if let (Some(behaviour), Some(think)) = (behaviour, own) {
                all.push(Weighted {
                    weight: item.read("weight", units::number).unwrap_or(1.0),
                    behaviour,
                    think,
                    link: item.at("link").map_or(link, read_link),
                    login: mechanism(item).unwrap_or(login),
                });
            }
        }
        if !all.is_empty() && all.iter().all(|weighted| weighted.weight == 0.0) {
            self.wrong(node, "all behaviours have weight 0: nobody would do anything");
        }
        (all.len() == items.len()).then_some(all)
    }

    fn behaviour(&mut self, node: &Node) -> Option<Behaviour> {
        let name = node.at("behaviour")?.scalar().filter(|name| BEHAVIOURS.contains(name))?;
        for (key, _) in node.map()? {
            let Some(word) = key.scalar() else { continue };
            let owners: Vec<&str> =
                OWN_KEYS.iter().filter(|(own, _)| *own == word).map(|(_, owner)| *owner).collect();
            if !owners.is_empty() && !owners.contains(&name) {
                self.wrong(key, format!("`{name}` has no `{word}`; it belongs to {}", owners.join(" and ")));
            }
        }
        let most = |default: u64| {
            u32::try_from(node.read("most", units::whole).unwrap_or(default)).unwrap_or(u32::MAX)
        };
        let small = |key: &str, default: u64| {
            u32::try_from(node.read(key, units::whole).unwrap_or(default)).unwrap_or(u32::MAX)
        };
        Some(match name {
            "poll" => Behaviour::Poll,
            "download-and-delete" => Behaviour::DownloadAndDelete,
            "leave-on-server" => {
                Behaviour::LeaveOnServer { remember: node.read("remember", units::share).unwrap_or(0.0) }
            }
            "devices" => {
                let count = small("count", 2);
                if count > 1000 {
                    self.wrong(node.at("count")?, "more than a thousand devices on one maildrop");
                }
                Behaviour::Devices { count }
            }
            "header-preview" => Behaviour::HeaderPreview { lines: small("lines", 0), most: most(20) },
            "hold-idle" => self.hold(node),
            "give-up" => {
                let octets = node.read("after", units::octets).unwrap_or(4000.0);
                #[expect(clippy::cast_sign_loss)] // Sizes are not negative.
                let after_octets = octets.round() as u64;
                Behaviour::GiveUpMidRetr { after_octets }
            }
            "wrong-password" => Behaviour::WrongPassword,
            "retrieve" => Behaviour::Retrieve { most: most(1) },
            _ => {
                let Some(name) = node.text("name").map(str::to_owned) else {
                    self.wrong(node, "which one? `custom` needs the `name` of a behaviour written in Rust");
                    return None;
                };
                if BEHAVIOURS.contains(&name.as_str()) {
                    self.wrong(
                        node.at("name")?,
                        format!("`{name}` is a shipped behaviour; write `behaviour: {name}`"),
                    );
                }
                Behaviour::Custom(name)
            }
        })
    }

    fn hold(&mut self, node: &Node) -> Behaviour {
        if let (Some((name, _)), Some(_)) = (node.entry("until"), node.at("for")) {
            self.wrong(name, "`until` and `for` exclude each other");
        }
        Behaviour::HoldIdle {
            noop_every: period(node, "noop_every").unwrap_or(Duration::from_mins(1)),
            lasting: period(node, "for").map_or(Hold::UntilEnd, Hold::For),
        }
    }
}

fn read_link(node: &Node) -> Link {
    Link {
        bandwidth: node.read("bandwidth", units::bandwidth),
        latency: node.read("latency", units::duration).unwrap_or_default(),
    }
}

fn mechanism(node: &Node) -> Option<Mechanism> {
    let name = node.at("login")?.scalar()?;
    Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
}
