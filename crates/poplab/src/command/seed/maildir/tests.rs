//! A Maildir and its owner, who is up to mischief.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A place for Maildirs, with that of alice in it, made.
fn place() -> (tempfile::TempDir, Template, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let template = Template::parse(&format!("{}/{{user}}/Maildir", place.path().display())).unwrap();
    fs::create_dir(place.path().join("alice")).unwrap();
    let path = template.path("alice");
    (place, template, path)
}

fn message(number: u32) -> Vec<u8> {
    mail::lines_to_lf(&mail::ordinary(42, number, 600))
}

fn fill(template: &Template, numbers: &[u32]) {
    let messages: Vec<Vec<u8>> = numbers.iter().map(|number| message(*number)).collect();
    template.look("alice").unwrap().fill(messages.into_iter()).unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let list = |folder: &str| {
        let entries = fs::read_dir(path.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let mut names = [list("cur"), list("new"), list("tmp")].concat();
    names.sort();
    names
}

#[test]
fn filling_twice_replaces_own_mail_under_new_names_and_leaves_other_mail() {
    let (_place, template, path) = place();
    fill(&template, &[1, 2]);
    let first = names(&path);
    assert_eq!(first.len(), 2);
    assert_eq!(fs::read(path.join("new").join(&first[1])).unwrap(), message(2));
    // A server has seen one of them and noted its size; somebody else's mail came.
    fs::rename(path.join("new").join(&first[0]), path.join(format!("cur/{},S=4:2,S", first[0]))).unwrap();
    fs::write(path.join("cur/1700000000.M1P2.host:2,S"), "Subject: mine\n\nkeep\n").unwrap();
    let looked = template.look("alice").unwrap();
    assert_eq!((looked.own(), looked.foreign()), (2, 1));
    fill(&template, &[3]);
    let second = names(&path);
    assert_eq!(second.len(), 2);
    assert!(second.contains(&"1700000000.M1P2.host:2,S".to_owned()));
    assert!(second.iter().all(|name| !first.contains(name)), "{first:?} {second:?}");
}

#[test]
fn a_body_decides_and_no_name_and_no_marker() {
    let (_place, template, path) = place();
    fill(&template, &[]);
    let own = message(1);
    let header = String::from_utf8(own.clone()).unwrap();
    let header = header.split_once("\n\n").unwrap().0;
    let edited = format!("{header}\n\nDear grandmother\n");
    fs::write(path.join("cur/1700000000.V1.server"), &own).unwrap();
    fs::write(path.join("cur/1700000001.Q1.poplab:2,S"), "").unwrap();
    for (name, foreign) in [
        ("1700000000.Q7.poplab:2,S", "Subject: from grandmother\n\nDear child\n"),
        ("1700000000.Q8.poplab", &edited),
        ("1700000000.M1P1.host:2,S", &edited),
        ("1700000000.M2P1.host:2,S", ""),
    ] {
        fs::write(path.join("cur").join(name), foreign).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("new/1700000000.Q9.poplab"), 0o600.into()).unwrap();
    symlink("../cur/1700000000.V1.server", path.join("new/1700000000.Q10.poplab")).unwrap();
    let looked = template.look("alice").unwrap();
    assert_eq!((looked.own(), looked.foreign()), (2, 6));
    looked.fill([].into_iter()).unwrap();
    assert_eq!(names(&path).len(), 6, "{:?}", names(&path));
}

#[test]
fn a_link_is_not_followed_wherever_it_stands() {
    let (place, template, path) = place();
    let elsewhere = place.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("Maildir")).unwrap();
    let told = || template.look("alice").err().map(|error| error.to_string()).unwrap_or_default();
    for link in [path.join("new"), path.clone(), place.path().join("alice")] {
        let _ = fs::remove_dir_all(&path);
        if link.starts_with(&path) && link != path {
            fs::create_dir(&path).unwrap();
        } else if link != path {
            fs::remove_dir(&link).unwrap();
        }
        symlink(&elsewhere, &link).unwrap();
        assert!(told().contains("a symbolic link is not followed"), "{}: {}", link.display(), told());
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    assert_eq!(fs::read_dir(elsewhere.join("Maildir")).unwrap().count(), 0);
}

/// What the owner does between the look and the filling never reaches what is elsewhere.
#[test]
fn folders_that_are_exchanged_for_links_after_the_look_are_not_missed() {
    let swaps: [fn(&Path, &Path); 4] = [
        |path, elsewhere| {
            for name in ["cur", "new", "tmp"] {
                fs::rename(path.join(name), path.join(format!("old-{name}"))).unwrap();
                symlink(elsewhere.join(name), path.join(name)).unwrap();
            }
        },
        |path, elsewhere| {
            fs::rename(path, path.with_extension("old")).unwrap();
            symlink(elsewhere, path).unwrap();
        },
        |path, elsewhere| {
            let home = path.parent().unwrap();
            fs::rename(home, home.with_extension("old")).unwrap();
            symlink(elsewhere, home).unwrap();
        },
        |path, elsewhere| {
            fs::rename(path, path.with_extension("old")).unwrap();
            fs::rename(elsewhere, path).unwrap();
            fs::create_dir(elsewhere).unwrap();
        },
    ];
    for (number, swap) in swaps.iter().enumerate() {
        let (place, template, path) = place();
        fill(&template, &[1, 2]);
        // Somebody else's Maildir has messages of the very names, and of poplab's own making.
        let elsewhere = place.path().join("elsewhere");
        for name in ["cur", "new", "tmp", "Maildir"] {
            fs::create_dir_all(elsewhere.join(name)).unwrap();
        }
        for name in names(&path) {
            fs::write(elsewhere.join("new").join(name), message(1)).unwrap();
        }
        let before = names(&elsewhere);
        let looked = template.look("alice").unwrap();
        let place = looked.place().unwrap();
        swap(&path, &elsewhere);
        looked.fill([message(3)].into_iter()).unwrap();
        let elsewhere = if elsewhere.join("new").exists() { elsewhere } else { path };
        assert_eq!(names(&elsewhere), before, "swap {number}");
        if let Ok(again) = template.look("alice") {
            assert_ne!(again.place().unwrap(), place, "swap {number} is seen at another look");
        }
    }
}

#[test]
fn a_message_that_is_exchanged_after_the_look_stays() {
    let (_place, template, path) = place();
    fill(&template, &[1]);
    let name = names(&path).remove(0);
    let looked = template.look("alice").unwrap();
    fs::write(path.join("tmp/mine"), "Subject: mine\n\nkeep\n").unwrap();
    fs::rename(path.join("tmp/mine"), path.join("new").join(&name)).unwrap();
    looked.fill([].into_iter()).unwrap();
    assert_eq!(fs::read_to_string(path.join("new").join(&name)).unwrap(), "Subject: mine\n\nkeep\n");
}

#[test]
fn a_template_begins_to_be_the_user_s_at_the_user() {
    let parts = |text: &str| {
        let template = Template::parse(text).unwrap();
        (template.base.display().to_string(), template.below.join(" "))
    };
    assert_eq!(parts("/home/{user}/Maildir"), ("/home".to_owned(), "{user} Maildir".to_owned()));
    assert_eq!(parts("mail//./{user}/"), ("mail".to_owned(), "{user}".to_owned()));
    assert_eq!(parts("{user}"), (String::new(), "{user}".to_owned()));
    assert_eq!(parts("/mail-{user}/x"), ("/".to_owned(), "mail-{user} x".to_owned()));
    assert_eq!(parts("/srv/mail"), ("/srv".to_owned(), "mail".to_owned()));
    assert_eq!(parts("../{user}").0, "..");
    for wrong in ["", "/", "/home/{user}/../root", "/home/.."] {
        assert!(Template::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn own_names_are_told_from_others() {
    for name in ["1700000000.Q1.poplab", "1700000000.Q12.poplab:2,S", "1700000000.Q12.poplab,S=12,W=13:2,"] {
        assert!(is_own_name(name), "{name}");
    }
    for name in ["1700000000.M1P2.poplab", "1700000000.Q1.poplab.example.org", "x.Q1.poplab", "1.Q.poplab"] {
        assert!(!is_own_name(name), "{name}");
    }
}
