//! What a `Debug` output shows: no token, and no code that logs somebody in.

use syn::visit::{self, Visit};
use syn::{Attribute, GenericArgument, ItemStruct, PathArguments, Type};

/// Fields that hold a secret where they hold a text; a `&'static str` is a word of ours.
const SECRET: [&str; 4] = ["access_token", "code", "session_key", "token"];

/// The structs of a file that show a secret in their `Debug` output.
pub(crate) fn complaints(path: &str, text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut shown = Shown(Vec::new());
    shown.visit_file(&file);
    shown
        .0
        .iter()
        .map(|field| format!("{path}: Debug of {field} shows a secret"))
        .collect()
}

struct Shown(Vec<String>);

impl<'ast> Visit<'ast> for Shown {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        if item.attrs.iter().any(derives_debug) {
            for field in &item.fields {
                let name = field.ident.as_ref().map(ToString::to_string);
                let is_secret = |name: &String| SECRET.contains(&name.as_str()) && is_text(&field.ty);
                if let Some(name) = name.filter(is_secret) {
                    self.0.push(format!("{}::{name}", item.ident));
                }
            }
        }
        visit::visit_item_struct(self, item);
    }
}

fn derives_debug(attribute: &Attribute) -> bool {
    let mut is_debug = false;
    if attribute.path().is_ident("derive") {
        let found = attribute.parse_nested_meta(|meta| {
            is_debug |= meta.path.is_ident("Debug");
            Ok(())
        });
        drop(found);
    }
    is_debug
}

/// A text of any owner, or none of it.
fn is_text(kind: &Type) -> bool {
    match kind {
        Type::Reference(reference) => {
            let is_ours = reference.lifetime.as_ref().is_some_and(|it| it.ident == "static");
            !is_ours && matches!(&*reference.elem, Type::Path(text) if text.path.is_ident("str"))
        }
        Type::Path(kind) => kind
            .path
            .segments
            .last()
            .is_some_and(|last| match &last.arguments {
                PathArguments::AngleBracketed(of) => of
                    .args
                    .iter()
                    .any(|of| matches!(of, GenericArgument::Type(of) if is_text(of))),
                _ => last.ident == "String",
            }),
        _ => false,
    }
}
