//! The accounts file, `poplab conformance --accounts`: who there is, and how mail gets there.
//!
//! The file has passwords, and a slip of the pen puts one where a key, a name or a role belongs. So what is wrong is told
//! by line and column and by what was meant, never in a word of the file.

use std::collections::BTreeMap;
use std::path::Path;

use mail::Role;
use yaml::{Excerpts, Findings, Form, Kind, Node, Table, key, needed, table};

use super::hooks::{self, HOOKS};
use super::{Account, Accounts, AccountsError, Seeding, unsendable};

static FILE: Kind = Kind::new("poplab accounts", &ACCOUNTS).excerpts(Excerpts::Hidden);

static ACCOUNTS: Table = table(
    "an accounts file",
    &[
        needed("accounts", Form::List(&Form::Map(&ACCOUNT)), "Each account of the server."),
        key(
            "seed",
            Form::Either(&[Form::Map(&SEED), Form::Nothing]),
            "How `poplab seed` puts mail into them. Needed for nothing else.",
        ),
        key(
            "hooks",
            Form::Either(&[Form::Map(&HOOKS), Form::Nothing]),
            "Commands by which `poplab conformance` may do to the server what POP3 cannot. None is run that is not here.",
        ),
    ],
);

const ROLES: [&str; 4] =
    [Role::Fixtures.as_str(), Role::Empty.as_str(), Role::Disposable.as_str(), Role::Second.as_str()];

static ACCOUNT: Table = table(
    "an account",
    &[
        needed("user", Form::AnyText, "The login name."),
        key(
            "password",
            Form::Either(&[Form::Secret, Form::Nothing]),
            "The password itself; then keep the file from other people's eyes.",
        ),
        key(
            "password_env",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "The name of the environment variable that holds the password.",
        ),
        key(
            "token",
            Form::Either(&[Form::Secret, Form::Nothing]),
            "A token for XOAUTH2 and OAUTHBEARER, for servers that take them; kept as the password is.",
        ),
        key(
            "token_env",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "The name of the environment variable that holds the token.",
        ),
        needed(
            "role",
            Form::Word(&ROLES),
            "What the account is for: `fixtures` hold the fixture mail, `empty` none, `disposable` mail that may be \
             deleted, `second` is somebody else.",
        ),
    ],
)
.one_of(&["password", "password_env"]);

static SEED: Table = table(
    "the seeding",
    &[
        key(
            "maildir",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "The path of a user's Maildir with `{user}` in it, as the server has it.",
        ),
        key(
            "command",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "A shell command that takes one message on its standard input; `{user}` is replaced.",
        ),
    ],
)
.one_of(&["maildir", "command"]);

impl Accounts {
    /// Parses an accounts file's text; `path` is for messages and `environment` looks up `password_env`.
    ///
    /// # Errors
    /// All that is wrong with it, each with line and column.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, AccountsError> {
        let path = path.display().to_string();
        let (root, findings) = FILE.read(text, &path)?;
        let mut reader = Reader { environment, findings, lines: BTreeMap::new() };
        let accounts = root.items("accounts").iter().filter_map(|node| reader.account(node)).collect();
        let seeding = root.at("seed").and_then(|node| reader.seeding(node));
        let given = root.at("hooks").filter(|node| node.map().is_some());
        let hooks = given.map(|node| hooks::read(node, &mut reader.findings)).unwrap_or_default();
        Ok(reader.findings.finish(Some(Self { accounts, seeding, hooks }))?)
    }

    /// The JSON Schema of accounts files, as the text of a file, for completion and marks in editors.
    pub fn schema() -> String {
        FILE.schema_text()
    }
}

/// What reading needs, and what it has found wrong. What the tables refuse is told already.
struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    findings: Findings<'a>,
    /// The lines in which the users stand.
    lines: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn account(&mut self, node: &Node) -> Option<Account> {
        let user = node.at("user").and_then(|node| self.user(node));
        let password = match node.chosen(ACCOUNT.choice) {
            Some(("password", node)) => {
                node.scalar().and_then(|text| self.password(node, text, "this password"))
            }
            Some((_, node)) => self.variable(node, "password"),
            None => None,
        };
        let token = self.token(node);
        let role = node.read("role", |word| word.parse::<Role>().map_err(|wrong| wrong.to_string()));
        Some(Account::new(user?, password?, role?).with_token(token))
    }

    fn token(&mut self, node: &Node) -> Option<String> {
        let given = |key| node.at(key).filter(|node| node.scalar().is_some());
        match (given("token"), given("token_env")) {
            (Some(_), Some(variable)) => {
                self.findings.wrong(variable, "`token_env` and `token` exclude each other: give one of them");
                None
            }
            (Some(node), None) => node.scalar().and_then(|text| self.password(node, text, "this token")),
            (None, Some(node)) => self.variable(node, "token"),
            (None, None) => None,
        }
    }

    fn user(&mut self, node: &Node) -> Option<String> {
        let user = node.scalar()?;
        if let Some(reason) = unsendable(user) {
            self.findings.wrong(node, format!("this user name {reason}"));
        }
        if let Some(line) = self.lines.get(user) {
            self.findings.wrong(node, format!("this account is listed twice; line {line} has it already"));
        } else {
            self.lines.insert(user.to_owned(), node.place.line);
        }
        Some(user.to_owned())
    }

    fn variable(&mut self, node: &Node, what: &str) -> Option<String> {
        let Some(secret) = (self.environment)(node.scalar()?) else {
            self.findings
                .wrong(node, format!("the environment has no variable of this name; set it to the {what}"));
            return None;
        };
        self.password(node, &secret, &format!("the {what} in this variable"))
    }

    fn password(&mut self, node: &Node, text: &str, what: &str) -> Option<String> {
        match unsendable(text) {
            Some(reason) => {
                self.findings.wrong(node, format!("{what} {reason}"));
                None
            }
            None => Some(text.to_owned()),
        }
    }

    fn seeding(&mut self, node: &Node) -> Option<Seeding> {
        let (kind, value) = node.chosen(SEED.choice)?;
        let text = value.scalar()?.to_owned();
        if kind == "command" {
            return Some(Seeding::Command(text));
        }
        if !text.contains("{user}") {
            self.findings.wrong(value, "the Maildir path has no `{user}` in it");
        }
        Some(Seeding::Maildir(text))
    }
}

#[cfg(test)]
mod tests;
