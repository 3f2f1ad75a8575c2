//! What a run knows stays with whoever ran it: who may read its files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::environment::TestEnv;

const CONFORMANCE: [&str; 5] = ["conformance", "--select", "rfc1939.stat.*", "--format", "human,html,junit"];
const LOAD: [&str; 6] = ["load", "smoke", "--sessions", "1", "--duration", "1s"];

/// Every file and folder at this place and below, with its mode.
fn modes(place: &Path) -> Vec<(String, u32)> {
    let mut found =
        vec![(place.display().to_string(), place.metadata().unwrap().permissions().mode() & 0o777)];
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            found.extend(modes(&entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn a_run_is_its_owner_s_alone_unless_asked() {
    for arguments in [&CONFORMANCE[..], &LOAD] {
        let env = TestEnv::new();
        let ended = env.run_with_umask(&[arguments, &["--out", "deep/run"]].concat(), "022");
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let found = modes(&env.path("deep"));
        assert!(found.len() > 6, "{found:?}");
        for (name, mode) in found {
            assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
        }
        let ended = env.run_with_umask(&[arguments, &["--readable"]].concat(), "027");
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        for (name, mode) in modes(&env.path("poplab-run")) {
            assert_eq!(mode & 0o047, 0o040, "{name} {mode:o}");
        }
    }
}

#[test]
fn a_folder_that_is_there_stays_as_its_owner_made_it() {
    let env = TestEnv::new();
    let folder = env.path("poplab-run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(env.run_with_umask(&CONFORMANCE, "022").code, Some(0));
    for (name, mode) in modes(&folder) {
        let own = Path::new(&name) == folder;
        assert_eq!(mode & 0o077, if own { 0o055 } else { 0 }, "{name} {mode:o}");
    }
}

#[test]
fn a_baseline_is_a_file_of_the_users() {
    let env = TestEnv::new();
    env.write("known.yaml", "format: 1\ndeviations: []\n");
    let update = ["--baseline", "known.yaml", "--update-baseline"];
    assert_eq!(env.run_with_umask(&[&CONFORMANCE[..], &update].concat(), "022").code, Some(0));
    assert_eq!(modes(&env.path("known.yaml"))[0].1, 0o644);
}
