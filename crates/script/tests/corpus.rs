//! Replays the fuzz corpus, so that what a fuzzer once reached stays reached without a fuzzer.

use std::path::Path;

/// Fewer files than this means that the corpus was lost.
const FILES_AT_LEAST: usize = 10;

#[test]
fn a_script_holds_over_its_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/script");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = 0;
    for entry in entries {
        let path = entry.expect("a folder entry").path();
        let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let outcome = std::panic::catch_unwind(|| script::fuzzing::read(&data));
        assert!(outcome.is_ok(), "{} breaks an invariant, see above", path.display());
        files += 1;
    }
    assert!(files >= FILES_AT_LEAST, "only {files} files in {}", folder.display());
}
