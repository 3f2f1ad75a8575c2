//! The accounts of a fake server with their mail, and how the first line shows them.

use ::fake::Account;
use mail::Role;

use super::{Arguments, ShownAccount};
use crate::embedded::{self, Tenant};
use crate::exit::Failure;

/// The accounts, and how the first line shows them.
pub(super) fn population(arguments: &Arguments) -> anyhow::Result<(Vec<Account>, Vec<ShownAccount>)> {
    let seed = arguments.seed;
    if arguments.conformance_accounts {
        let tenants = embedded::pool(seed);
        let shown = tenants.iter().map(|tenant| show(tenant, false)).collect();
        return Ok((embedded::accounts(&tenants, seed), shown));
    }
    let given = arguments
        .password_env
        .as_ref()
        .map(|variable| {
            crate::environment::password(variable).map_err(|_| {
                Failure::input(format!("the environment has no variable `{variable}` with a password"))
            })
        })
        .transpose()?;
    let secret = given.is_some();
    let password = given.unwrap_or_else(|| embedded::password(seed, &arguments.user));
    let (mut accounts, mut shown) = (Vec::new(), Vec::new());
    if let Some(path) = &arguments.accounts {
        let mut numbers = std::collections::BTreeMap::<Role, u32>::new();
        let mut tenants = Vec::new();
        for account in crate::accounts::read(path)?.accounts {
            let number = numbers.entry(account.role).or_default();
            *number += 1;
            let (user, password) = (account.user.clone(), account.password().to_owned());
            tenants.push(Tenant { user, password, role: account.role, number: *number });
        }
        accounts = embedded::accounts(&tenants, seed);
        shown.extend(tenants.iter().map(|tenant| show(tenant, true)));
    }
    if let Some(path) = &arguments.mail {
        let messages = crate::command::fake_mail::read(path)?;
        let number = messages.len();
        accounts.push(Account::new(arguments.user.clone(), password.clone(), messages));
        let password = (!secret).then_some(password);
        shown.push(ShownAccount {
            user: arguments.user.clone(),
            password,
            role: None,
            messages: Some(number),
        });
    } else if arguments.accounts.is_none() {
        let first = Tenant { user: arguments.user.clone(), password, role: Role::Fixtures, number: 1 };
        let mut tenants = vec![first];
        for role in [Role::Empty, Role::Disposable, Role::Second] {
            tenants.push(embedded::tenant(seed, format!("{role}1"), role, 1));
        }
        accounts = embedded::accounts(&tenants, seed);
        shown.extend(tenants.iter().enumerate().map(|(index, tenant)| show(tenant, secret && index == 0)));
    }
    Ok((accounts, shown))
}

fn show(tenant: &Tenant, secret: bool) -> ShownAccount {
    ShownAccount {
        user: tenant.user.clone(),
        password: (!secret).then(|| tenant.password.clone()),
        role: Some(tenant.role.to_string()),
        messages: None,
    }
}
