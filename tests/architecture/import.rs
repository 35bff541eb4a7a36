//! Reading what a file imports, and holding it to the rules.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree};

use crate::rule;

/// Types that are written like modules: `u64::try_from`.
const PRIMITIVES: [&str; 15] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "char", "str",
    "bool",
];

/// The room of a file: the first part of its path below `src`.
pub(crate) fn room(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    let first = below.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// What a file uses of the crate, as paths from its root: `store::order::StoredOrder`.
pub(crate) fn own(path: &str, text: &str) -> BTreeSet<String> {
    names(path, text).own
}

/// What is wrong with the imports of a file.
pub(crate) fn complaints(path: &str, text: &str) -> Vec<String> {
    let room = room(path);
    let names = names(path, text);
    let mut complaints = Vec::new();
    if !matches!(room, "main" | "lib") {
        if !rule::ROOMS.iter().any(|(name, _)| *name == room) {
            complaints.push(format!("{path}: the room {room} has no rule"));
        }
        for import in names.own.iter().filter(|import| !rule::allows(room, import)) {
            complaints.push(format!("{path}: {room} must not import {import}"));
        }
    }
    for import in &names.foreign {
        let name = import.split("::").next().unwrap_or_default();
        let places = rule::CRATES.iter().find(|(krate, _)| *krate == name);
        if places.is_some_and(|(_, places)| !places.iter().any(|place| path.starts_with(place))) {
            complaints.push(format!("{path}: {name} must not be used here"));
        }
        let does_io = rule::DOMAIN_REFUSED
            .iter()
            .any(|refused| import.starts_with(refused));
        if room == "domain" && (does_io || !rule::DOMAIN_CRATES.contains(&name)) {
            complaints.push(format!("{path}: domain does no I/O, so it must not use {import}"));
        }
    }
    complaints
}

/// The names that a file uses.
#[derive(Default)]
struct Names {
    own: BTreeSet<String>,
    foreign: BTreeSet<String>,
    /// The module that is being read, from the crate's root.
    module: Vec<String>,
    /// Names that `use` and `mod` have brought into the file; a path that begins with one of them
    /// is no crate.
    local: BTreeSet<String>,
}

fn names(path: &str, text: &str) -> Names {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut names = Names {
        module: module(path),
        ..Names::default()
    };
    names.local.extend(local_names(&file));
    names.visit_file(&file);
    names
}

/// The module of a file, from the crate's root.
fn module(path: &str) -> Vec<String> {
    let below = path.strip_prefix("src/").unwrap_or(path);
    let below = below.strip_suffix(".rs").unwrap_or(below);
    let below = below.strip_suffix("/mod").unwrap_or(below);
    below
        .split('/')
        .filter(|part| !matches!(*part, "lib" | "main"))
        .map(str::to_owned)
        .collect()
}

fn local_names(file: &syn::File) -> BTreeSet<String> {
    struct Locals(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Locals {
        fn visit_item_mod(&mut self, item: &'ast ItemMod) {
            self.0.insert(item.ident.to_string());
            visit::visit_item_mod(self, item);
        }
        fn visit_use_path(&mut self, path: &'ast syn::UsePath) {
            // `use super::order::{self, Order}` brings `order`.
            let is_self = |tree: &UseTree| matches!(tree, UseTree::Name(name) if name.ident == "self");
            let brings_itself = match &*path.tree {
                UseTree::Group(group) => group.items.iter().any(is_self),
                tree => is_self(tree),
            };
            if brings_itself {
                self.0.insert(path.ident.to_string());
            }
            visit::visit_use_path(self, path);
        }
        fn visit_use_name(&mut self, name: &'ast syn::UseName) {
            self.0.insert(name.ident.to_string());
        }
        fn visit_use_rename(&mut self, name: &'ast syn::UseRename) {
            self.0.insert(name.rename.to_string());
        }
    }
    let mut locals = Locals(BTreeSet::new());
    locals.visit_file(file);
    locals.0
}

impl Names {
    /// Notes a path as it is written, `segments` long; `is_use` when it stands in a `use`, where its
    /// first part cannot be a local name.
    fn note(&mut self, segments: &[String], is_use: bool) {
        let Some(first) = segments.first() else { return };
        let above = segments.iter().take_while(|part| *part == "super").count();
        let rest = segments.get(above..).unwrap_or_default();
        match first.as_str() {
            "crate" | "weir" => self.own_path(segments.get(1..).unwrap_or_default()),
            "super" => {
                let kept = self.module.len().saturating_sub(above);
                let absolute: Vec<String> = self.module.iter().take(kept).chain(rest).cloned().collect();
                self.own_path(&absolute);
            }
            "self" | "Self" => {}
            name if name.starts_with(char::is_lowercase)
                && segments.len() > 1
                && (is_use || !(self.local.contains(name) || PRIMITIVES.contains(&name))) =>
            {
                self.foreign.insert(segments.join("::"));
            }
            _ => {}
        }
    }

    fn own_path(&mut self, segments: &[String]) {
        if !segments.is_empty() {
            self.own.insert(segments.join("::"));
        }
    }

    fn note_tree(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.note_tree(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_tree(tree, before);
                }
            }
            UseTree::Name(name) if name.ident == "self" => self.note(before, true),
            UseTree::Name(syn::UseName { ident }) | UseTree::Rename(syn::UseRename { ident, .. }) => {
                before.push(ident.to_string());
                self.note(before, true);
                before.pop();
            }
            UseTree::Glob(_) => self.note(before, true),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.note(&segments, false);
        visit::visit_path(self, path);
    }

    /// What a macro is given is no syntax tree; its paths are read from the tokens.
    fn visit_macro(&mut self, item: &'ast Macro) {
        visit::visit_macro(self, item);
        let tokens = item.tokens.to_string();
        let words: Vec<&str> = tokens.split_whitespace().collect();
        for (at, _) in words
            .iter()
            .enumerate()
            .filter(|(_, word)| matches!(**word, "crate" | "super"))
        {
            let path: Vec<String> = words
                .get(at..)
                .unwrap_or_default()
                .chunks(2)
                .map_while(|pair| {
                    let name = pair.first()?;
                    name.chars()
                        .all(|letter| letter.is_alphanumeric() || letter == '_')
                        .then(|| ((*name).to_owned(), pair.get(1) == Some(&"::")))
                })
                .scan(true, |goes_on, (name, more)| {
                    let is_part = *goes_on;
                    *goes_on = more;
                    is_part.then_some(name)
                })
                .collect();
            self.note(&path, false);
        }
    }
}
