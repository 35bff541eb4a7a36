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

/// The text of every file in a folder.
fn texts(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

#[test]
fn every_test_that_a_mutant_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/mutants.toml")).unwrap();
    let list: toml::Table = text.parse().unwrap();
    let mutants = list["mutant"].as_array().unwrap();
    for red in mutants.iter().filter_map(|mutant| mutant.get("red")) {
        let (program, path) = red.as_str().unwrap().split_once("::").unwrap();
        let folder = match program {
            "lib" => root.join("src"),
            program => root.join("tests").join(program),
        };
        let name = format!("fn {}()", path.rsplit("::").next().unwrap());
        assert!(texts(&folder).iter().any(|text| text.contains(&name)), "{red}");
    }
}
