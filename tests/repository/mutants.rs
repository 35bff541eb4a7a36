//! `tests/mutants.toml` is text about the code: what no longer stands there can no longer be taken away.

use std::path::Path;

#[test]
fn every_safeguard_that_is_taken_away_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/mutants.toml")).unwrap();
    let list: toml::Table = text.parse().unwrap();
    let mut gone = Vec::new();
    for mutant in list["mutant"].as_array().unwrap() {
        for edit in mutant["edit"].as_array().unwrap() {
            let (file, from) = (edit["file"].as_str().unwrap(), edit["from"].as_str().unwrap());
            if !std::fs::read_to_string(root.join(file)).unwrap().contains(from) {
                gone.push((mutant["what"].as_str().unwrap(), file));
            }
        }
    }
    assert!(gone.is_empty(), "{gone:?}");
}
