//! Accounts: by name, from a CSV file, by a pattern; passwords from the file or the environment.

use std::collections::BTreeSet;

use yaml::{Node, units};

use super::Reader;
use crate::check::MOST;
use crate::csv;
use crate::model::{Accounts, Credentials, Secret, is_sendable, number_place};

impl Reader<'_> {
    pub(super) fn accounts(&mut self, node: &Node) -> Option<Accounts> {
        if let Some(list) = node.at("list") {
            self.only_with_a_pattern(node);
            return self.list(list.list()?);
        }
        if let Some(csv) = node.at("csv") {
            self.only_with_a_pattern(node);
            return self.csv(csv);
        }
        self.pattern(node)
    }

    fn only_with_a_pattern(&mut self, node: &Node) {
        for key in ["first", "count", "password", "password_env"] {
            if let Some((name, _)) = node.entry(key) {
                self.wrong(name, format!("`{key}` belongs to `pattern`, which is not given"));
            }
        }
    }

    fn list(&mut self, items: &[Node]) -> Option<Accounts> {
        let mut names = BTreeSet::new();
        let mut accounts = Vec::new();
        for item in items {
            let user = item.text("user").map(str::to_owned);
            if let (Some(user), Some(place)) = (&user, item.at("user"))
                && !names.insert(user.clone())
            {
                let user = self.findings.quote(place);
                self.wrong(place, format!("the account {user} is listed twice"));
            }
            let password = self.password(item);
            if let (Some(user), Some(place)) = (&user, item.at("user")) {
                self.sendable("name", user, place);
            }
            if let (Some(user), Some(password)) = (user, password) {
                accounts.push(Credentials { user, password });
            }
        }
        (accounts.len() == items.len()).then_some(Accounts::List(accounts))
    }

    /// The password of an account, or of all of a pattern.
    fn password(&mut self, node: &Node) -> Option<Secret> {
        if let Some(variable) = node.at("password_env") {
            let name = variable.scalar()?;
            let found = (self.environment)(name).filter(|password| !password.is_empty());
            if found.is_none() {
                let name = self.findings.quote(variable);
                self.wrong(
                    variable,
                    format!("the environment has no variable {name}; set it to the password"),
                );
            }
            if let Some(password) = &found {
                self.sendable("password", password, variable);
            }
            return found.map(Secret::new);
        }
        // As written: a password may begin or end with a space.
        let password = node.at("password")?;
        let text = password.scalar()?;
        if text.is_empty() {
            self.wrong(password, "`password`: is empty");
        }
        self.sendable("password", text, password);
        Some(Secret::new(text))
    }

    /// Never shows the text: it may be a password.
    fn sendable(&mut self, what: &str, text: &str, place: &Node) {
        if !is_sendable(text) {
            self.wrong(
                place,
                format!(
                    "this {what} has a line end or a NUL in it; what follows would be a command to the server"
                ),
            );
        }
    }

    fn csv(&mut self, node: &Node) -> Option<Accounts> {
        let file = node.scalar()?;
        let content = match (self.files)(file) {
            Ok(content) => content,
            Err(reason) => {
                let file = self.findings.quote(node);
                self.wrong(node, format!("the accounts' file {file} cannot be read: {reason}"));
                return None;
            }
        };
        let mut names = BTreeSet::new();
        let mut accounts = Vec::new();
        let before = self.findings.len();
        for (line, row) in csv::rows(&content) {
            let mut wrong =
                |column: usize, message: &str| self.findings.wrong_elsewhere(file, line, column, message);
            match row {
                Ok(row) if !is_sendable(&row.user) || !is_sendable(&row.password) => {
                    wrong(1, "this line has a carriage return or a NUL in it");
                }
                Ok(row) => {
                    if !names.insert(row.user.clone()) {
                        let message = format!("the account `{}` is listed twice in this file", row.user);
                        wrong(1, &message);
                    }
                    accounts.push(Credentials { user: row.user, password: Secret::new(row.password) });
                }
                Err(error) => wrong(error.column, error.message),
            }
        }
        if accounts.is_empty() && self.findings.len() == before {
            let file = self.findings.quote(node);
            self.wrong(
                node,
                format!("the accounts' file {file} has no accounts; a line reads `user,password`"),
            );
        }
        (self.findings.len() == before).then_some(Accounts::List(accounts))
    }

    fn pattern(&mut self, node: &Node) -> Option<Accounts> {
        let pattern = node.at("pattern")?;
        let user = pattern.scalar()?.trim().to_owned();
        let sound = number_place(&user).is_some();
        if !sound {
            let message = "needs exactly one `{n}`, or `{n:05}` for leading zeros, in place of the number";
            let user = self.findings.quote(pattern);
            self.wrong(pattern, format!("{user} {message}"));
        }
        self.sendable("name", &user, pattern);
        if let (Some((second, _)), Some(_)) = (node.entry("password_env"), node.at("password")) {
            self.wrong(second, "`password_env` and `password` exclude each other");
        }
        let wanted = node.at("password").is_some() || node.at("password_env").is_some();
        let password = self.password(node);
        if node.at("count").is_none() {
            self.wrong(pattern, "how many accounts? A `pattern` needs a `count`");
        }
        let count = node.read("count", units::whole)?;
        let first = node.read("first", units::whole).unwrap_or(1);
        if count > MOST || first.checked_add(count).is_none() {
            self.wrong(node.at("count")?, "more than a thousand million accounts");
            return None;
        }
        (sound && password.is_some() == wanted).then_some(Accounts::Pattern { user, first, count, password })
    }
}
