//! SQL: where it may stand, and that each statement says whose it is.

use syn::visit::{self, Visit};
use syn::{Macro, Path};

use crate::rule;

/// What is wrong with the statements of a file.
pub(crate) fn complaints(path: &str, text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut statements = Statements::default();
    statements.visit_file(&file);
    let is_home = rule::STATEMENTS.iter().any(|home| path.starts_with(home));
    if !is_home {
        let uses = statements.uses.iter();
        return uses
            .map(|name| format!("{path}: {name} belongs into src/store"))
            .collect();
    }
    if !path.starts_with("src/store/") {
        return Vec::new();
    }
    let room = path
        .rsplit('/')
        .next()
        .and_then(|name| name.strip_suffix(".rs"))
        .unwrap_or_default();
    let mut complaints = Vec::new();
    for (function, first_line) in &statements.heads {
        let name = first_line
            .strip_prefix("-- ")
            .and_then(|name| name.split_once('.'));
        let is_named = name.is_some_and(|(place, what)| {
            place == room
                && !what.is_empty()
                && what.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        if !is_named {
            complaints.push(format!(
                "{path}: a statement of {function} begins with {first_line:?}, not `-- {room}.…`"
            ));
        }
    }
    for clock in [
        "Utc::now",
        "now_v7",
        "new_v4",
        "SystemTime::now",
        " now()",
        "current_timestamp",
        "gen_random_uuid",
    ] {
        if text.to_ascii_lowercase().contains(&clock.to_ascii_lowercase()) {
            complaints.push(format!(
                "{path}: `{}`: time and ids come in as parameters",
                clock.trim()
            ));
        }
    }
    complaints
}

/// The names by which sqlx takes a statement.
fn takes_statement(path: &Path) -> Option<String> {
    let segments: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
    let last = segments.last()?;
    let is_sqlx = segments.first()? == "sqlx" && (last.starts_with("query") || last.starts_with("raw_sql"));
    // Clippy sees `AssertSqlSafe` as a type only, not where it is called.
    (is_sqlx || last == "QueryBuilder" || last == "AssertSqlSafe").then(|| segments.join("::"))
}

#[derive(Default)]
struct Statements {
    uses: Vec<String>,
    /// The function and the first line of each statement.
    heads: Vec<(String, String)>,
    function: String,
}

impl<'ast> Visit<'ast> for Statements {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::replace(&mut self.function, item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
        self.function = outer;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.uses.extend(takes_statement(path));
        visit::visit_path(self, path);
    }

    fn visit_use_path(&mut self, path: &'ast syn::UsePath) {
        if path.ident == "sqlx" {
            let mut names = UseNames(Vec::new());
            names.visit_use_tree(&path.tree);
            let taken = names
                .0
                .into_iter()
                .filter(|name| name.starts_with("query") || name == "QueryBuilder");
            self.uses.extend(taken);
        }
        visit::visit_use_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        if takes_statement(&item.path).is_some() {
            let literal = item
                .parse_body_with(syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated)
                .ok()
                .and_then(|arguments| {
                    arguments.iter().find_map(|argument| match argument {
                        syn::Expr::Lit(syn::ExprLit {
                            lit: syn::Lit::Str(text),
                            ..
                        }) => Some(text.value()),
                        _ => None,
                    })
                });
            let first_line = literal
                .as_deref()
                .and_then(|text| text.lines().next())
                .unwrap_or_default();
            self.heads.push((self.function.clone(), first_line.to_owned()));
        }
        visit::visit_macro(self, item);
    }
}

struct UseNames(Vec<String>);

impl<'ast> Visit<'ast> for UseNames {
    fn visit_use_name(&mut self, name: &'ast syn::UseName) {
        self.0.push(name.ident.to_string());
    }
}
