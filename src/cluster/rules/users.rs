//! The users of each node: their names and numbers, and that somebody gets in.

use crate::cluster::diagnostic::{Diagnostics, Finding, also_in};
use crate::cluster::document::value::{Field, Spanned};
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::fields::user::{DEFAULT_USER, UserFields};
use crate::cluster::user::refuses_login;
use crate::cluster::{FieldSpan, Sudo};

const NO_PASSWORD_HINT: &str = "Add `password_hash:` under `user:`, or remove this";

pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    for node in &draft.nodes {
        let added = node.fields.users.items();
        let users = || std::iter::once(&node.fields.user).chain(added.iter().map(|user| &user.value));
        sudo_has_what_it_asks_for(&node.fields.user, NO_PASSWORD_HINT, diagnostics);
        names_and_numbers_are_unique(&node.fields.user, added, diagnostics);
        a_login_that_is_off_has_nothing_to_log_in_with(&node.fields.user, diagnostics);
        for user in added {
            sudo_has_what_it_asks_for(
                &user.value,
                "Add `password_file:` to this user, or remove this",
                diagnostics,
            );
            a_login_that_is_off_has_nothing_to_log_in_with(&user.value, diagnostics);
            warn_where_nobody_logs_in(user, node, diagnostics);
        }
        if let Some(login) = node.fields.ssh.password_login.given().filter(|login| login.value)
            && users().all(|user| user.password_hash.is_absent())
        {
            let message = "nobody can log in with a password: the user has none";
            diagnostics.report(&login.span, Finding::new(message, NO_PASSWORD_HINT));
        }
        somebody_gets_in(node, diagnostics);
    }
}

fn sudo_has_what_it_asks_for(user: &UserFields, hint: &'static str, diagnostics: &Diagnostics) {
    let Some(sudo) = user.sudo.given() else { return };
    if sudo.value == Sudo::WithPassword && user.password_hash.is_absent() && !is_off(user) {
        let message = "sudo would ask for a password, but the user has none";
        diagnostics.report(&sudo.span, Finding::new(message, hint));
    }
    let group = user.groups.items().iter().find(|group| group.value == "sudo");
    if let Some(group) = group.filter(|_| sudo.value == Sudo::None) {
        let message = "the group `sudo` lets this user do what root does, and `sudo:` does not";
        let hint = "Write `sudo: password` or `sudo: nopasswd`, or leave the group out";
        diagnostics.report(&group.span, Finding::new(message, hint));
    }
}

fn names_and_numbers_are_unique(
    first: &UserFields,
    added: &[Spanned<UserFields>],
    diagnostics: &Diagnostics,
) {
    if let Some(uid) = first.uid.given().filter(|uid| uid.value != 1000) {
        let message = format!("the first user has the number 1000, not {}", uid.value);
        diagnostics.report(&uid.span, Finding::new(message, "Remove it, or add the user under `users:`"));
    }
    for (index, user) in added.iter().enumerate() {
        let before = || added.iter().take(index).map(|user| &user.value);
        if let Some(name) = user.value.name.given() {
            let is_first = match &first.name {
                Field::Absent => name.value.as_str() == DEFAULT_USER,
                first => first.given().is_some_and(|first| first.value == name.value),
            };
            let same = before().filter_map(|user| user.name.given()).find(|other| other.value == name.value);
            let is_renamed = first.name.given().filter(|_| name.value.as_str() == DEFAULT_USER);
            if let Some(first) = is_renamed.filter(|first| first.value != name.value) {
                let message = format!(
                    "`{DEFAULT_USER}` is the image's first user, which becomes `{}`: there is no other of that name",
                    first.value
                );
                let hint = "Choose another name, or leave `name:` out under `user:`";
                diagnostics.report(&name.span, Finding::new(message, hint));
            } else if is_first {
                let message = format!("the first user is called `{}` already", name.value);
                let hint = "Choose another name, or describe that user under `user:`";
                diagnostics.report(&name.span, Finding::new(message, hint));
            } else if let Some(same) = same {
                let message = format!("another user is called `{}`, too", name.value);
                diagnostics.report(&name.span, Finding::new(message, also_in(&same.span, &name.span)));
            }
        }
        let Some(uid) = user.value.uid.given() else { continue };
        let same = before().filter_map(|user| user.uid.given()).find(|other| other.value == uid.value);
        if uid.value == 1000 {
            let hint = "Choose another, or remove it: the next free number is taken then";
            diagnostics.report(&uid.span, Finding::new("the first user has the number 1000", hint));
        } else if let Some(same) = same {
            let message = format!("another user has the number {}, too", uid.value);
            diagnostics.report(&uid.span, Finding::new(message, also_in(&same.span, &uid.span)));
        }
    }
}

fn is_off(user: &UserFields) -> bool {
    user.login.given().is_some_and(|login| !login.value)
}

/// Refuses what contradicts `login: false`, unless the cluster says it for all nodes and this one differs.
fn a_login_that_is_off_has_nothing_to_log_in_with(user: &UserFields, diagnostics: &Diagnostics) {
    let Some(login) = user.login.given().filter(|login| !login.value) else { return };
    let sudo = user.sudo.given().filter(|sudo| sudo.value != Sudo::None);
    let contradictions = [
        ("shell", user.shell.given().map(|field| &field.span)),
        ("password", user.password_hash.given().map(|field| &field.span)),
        ("keys", user.ssh_authorized_keys.given().map(|field| &field.span)),
        ("sudo", sudo.map(|field| &field.span)),
    ];
    let is_of_the_cluster =
        |span: &FieldSpan| span.path.starts_with("user.") && login.span.path.starts_with("nodes[");
    for (what, span) in contradictions {
        if let Some(span) = span.filter(|span| !is_of_the_cluster(span)) {
            let message =
                format!("nobody logs in as this user (`login: false`), so its {what} would be of no use");
            diagnostics.report(span, Finding::new(message, "Remove one of the two"));
        }
    }
}

fn warn_where_nobody_logs_in(user: &Spanned<UserFields>, node: &NodeDraft, diagnostics: &Diagnostics) {
    let fields = &user.value;
    let Some(name) = fields.name.given() else { return };
    if fields.login.is_invalid() || is_off(fields) || !fields.ssh_authorized_keys.is_absent() {
        return;
    }
    let password_login = &node.fields.ssh.password_login;
    if password_login.is_absent() && fields.password_hash.given().is_some() {
        let message =
            format!("`{}` gets in at the console alone: SSH takes keys, and it has a password", name.value);
        let hint = "Add `ssh_authorized_keys:` for it, or `ssh: {password_login: true}`; `false` says that it is meant";
        diagnostics.warn(&name.span, Finding::new(message, hint));
    } else if fields.password_hash.is_absent() {
        let message = format!("nobody can log in as `{}`: it has neither keys nor a password", name.value);
        let hint = "Add `ssh_authorized_keys:` or `password_file:`; or say so, with `login: false`";
        diagnostics.warn(&name.span, Finding::new(message, hint));
    }
}

/// Without a screen and a keyboard, a node that nobody gets into over SSH is of no use.
fn somebody_gets_in(node: &NodeDraft, diagnostics: &Diagnostics) {
    let Some(login) = node.fields.user.login.given().filter(|login| !login.value) else { return };
    let takes_passwords = !matches!(&node.fields.ssh.password_login, Field::Given(login) if !login.value)
        && !node.fields.ssh.password_login.is_absent();
    let may_get_in = |user: &Spanned<UserFields>| {
        let user = &user.value;
        let has_keys = match &user.ssh_authorized_keys {
            Field::Given(keys) => !keys.value.is_empty(),
            other => other.is_invalid(),
        };
        let refuses = user.shell.given().is_some_and(|shell| refuses_login(&shell.value));
        !is_off(user) && !refuses && (has_keys || takes_passwords && !user.password_hash.is_absent())
    };
    if !node.fields.users.is_invalid() && !node.fields.users.items().iter().any(may_get_in) {
        let message = "nobody could log in: the first user may not, and no other has a key";
        let hint = "Add one, like `users: [{name: bob, ssh_authorized_keys: [bob.pub], sudo: nopasswd}]`";
        diagnostics.report(&login.span, Finding::new(message, hint));
    }
}
