//! `attribution:` where end user and reason come from.
//!
//! A source must never count that the file does not name.

use super::File;
use crate::config::{Attribution, Source};
use hippocrypt_policy::yaml::{Map, Node, Section};

pub(super) const ATTRIBUTION: Section = Section {
    name: "attribution",
    keys: &["from", "comment", "tokens"],
};
pub(super) const COMMENT: Section = Section {
    name: "attribution.comment",
    keys: &["user", "reason", "token"],
};

const SOURCES: &[(&str, Source)] = &[
    ("token", Source::Token),
    ("setting", Source::Setting),
    ("comment", Source::Comment),
    ("application_name", Source::ApplicationName),
];

impl Default for Attribution {
    fn default() -> Self {
        Self {
            from: vec![Source::Setting, Source::Comment],
            user_key: "hippocrypt_user".into(),
            reason_key: "hippocrypt_reason".into(),
            token_key: "hippocrypt_token".into(),
            tokens: None,
        }
    }
}

impl File<'_> {
    pub(super) fn attribution(&self, node: &Node) -> Option<Attribution> {
        let map = self.reader.map(node, ATTRIBUTION)?;
        let tokens = self.optional(&map, "tokens", None, |file, node| {
            file.path(node, "attribution.tokens").map(Some)
        });
        let mut default = Attribution::default();
        if map.get("tokens").is_some() {
            default.from.insert(0, Source::Token);
        }
        let from = self.optional(&map, "from", default.from, Self::sources);
        let (from, tokens) = (from?, tokens?);
        if from.contains(&Source::Token) != tokens.is_some() {
            let words = "attribution: tokens count where from names token and tokens the file of their keys: both or neither";
            self.reader.problem(node.line, words);
            return None;
        }
        let keys = [default.user_key, default.reason_key, default.token_key];
        let keys = self.optional(&map, "comment", keys, |file, node| {
            let map = file.reader.map(node, COMMENT)?;
            let default = Attribution::default();
            let user = file.key(&map, "user", default.user_key);
            let reason = file.key(&map, "reason", default.reason_key);
            let token = file.key(&map, "token", default.token_key);
            Some([user?, reason?, token?])
        });
        let [user_key, reason_key, token_key] = keys?;
        Some(Attribution {
            from,
            user_key,
            reason_key,
            token_key,
            tokens,
        })
    }

    fn sources(&self, node: &Node) -> Option<Vec<Source>> {
        let what = "attribution.from";
        let items = self.reader.list(node, what, "sources")?;
        let mut from = Vec::with_capacity(items.len());
        for item in items {
            let source = self.reader.choice(item, what, SOURCES)?;
            if from.contains(&source) {
                let words = format!("{what}: {} a second time", source.as_str());
                self.reader.problem(item.line, words);
                return None;
            }
            from.push(source);
        }
        Some(from)
    }

    fn key(&self, map: &Map<'_>, key: &str, default: String) -> Option<String> {
        self.optional(map, key, default, |file, node| {
            let what = format!("attribution.comment.{key}");
            file.reader.parsed(node, &what, "a tag's key", |text| {
                (!text.is_empty()).then(|| text.to_owned())
            })
        })
    }
}
