//! XML and JSON constructors and queries: every value in them becomes text in a document, so none may be a cell.
//!
//! It must never leave a value below one of these nodes unseen.

use super::super::Planner;
use super::super::refuse::{Judged, unsupported};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    JsonAggConstructor, JsonBehavior, JsonFuncExpr, JsonKeyValue, JsonValueExpr, Node, XmlExpr,
};

const WHAT: &str = "a JSON or XML document";

impl Planner<'_> {
    pub(super) fn document(&mut self, node: &NodeEnum) -> Judged<()> {
        match node {
            NodeEnum::XmlExpr(xml) => self.xml(xml)?,
            NodeEnum::XmlSerialize(xml) => self.document_part(xml.expr.as_deref())?,
            NodeEnum::JsonObjectConstructor(json) => self.document_parts(&json.exprs)?,
            NodeEnum::JsonArrayConstructor(json) => self.document_parts(&json.exprs)?,
            NodeEnum::JsonObjectAgg(json) => {
                if let Some(pair) = json.arg.as_deref() {
                    self.pair(pair)?;
                }
                self.aggregate(json.constructor.as_deref())?;
            }
            NodeEnum::JsonArrayAgg(json) => {
                self.json_value(json.arg.as_deref())?;
                self.aggregate(json.constructor.as_deref())?;
            }
            NodeEnum::JsonIsPredicate(json) => self.document_part(json.expr.as_deref())?,
            NodeEnum::JsonParseExpr(json) => self.json_value(json.expr.as_deref())?,
            NodeEnum::JsonScalarExpr(json) => self.document_part(json.expr.as_deref())?,
            NodeEnum::JsonSerializeExpr(json) => self.json_value(json.expr.as_deref())?,
            NodeEnum::JsonValueExpr(json) => self.json_value(Some(json))?,
            NodeEnum::JsonFuncExpr(json) => self.json_function(json)?,
            _ => return Err(unsupported("this form of JSON or XML", -1)),
        }
        Ok(())
    }

    fn document_part(&mut self, node: Option<&Node>) -> Judged<()> {
        match node.and_then(|n| n.node.as_ref()) {
            Some(NodeEnum::JsonKeyValue(pair)) => self.pair(pair),
            Some(NodeEnum::JsonArgument(argument)) => self.json_value(argument.val.as_deref()),
            Some(NodeEnum::ResTarget(target)) => self.document_part(target.val.as_deref()),
            _ => self.only_clear(node, WHAT, -1),
        }
    }

    fn document_parts(&mut self, nodes: &[Node]) -> Judged<()> {
        nodes.iter().try_for_each(|n| self.document_part(Some(n)))
    }

    fn json_value(&mut self, value: Option<&JsonValueExpr>) -> Judged<()> {
        match value {
            Some(value) => self.document_part(value.raw_expr.as_deref()),
            None => Ok(()),
        }
    }

    fn pair(&mut self, pair: &JsonKeyValue) -> Judged<()> {
        self.document_part(pair.key.as_deref())?;
        self.json_value(pair.value.as_deref())
    }

    fn aggregate(&mut self, constructor: Option<&JsonAggConstructor>) -> Judged<()> {
        let Some(constructor) = constructor else {
            return Ok(());
        };
        self.document_part(constructor.agg_filter.as_deref())?;
        for sort in &constructor.agg_order {
            self.sort_key(sort, "ORDER BY in an aggregate")?;
        }
        match constructor.over.as_deref() {
            Some(window) => self.window(window),
            None => Ok(()),
        }
    }

    fn xml(&mut self, xml: &XmlExpr) -> Judged<()> {
        self.document_parts(&xml.named_args)?;
        self.document_parts(&xml.args)
    }

    fn json_function(&mut self, json: &JsonFuncExpr) -> Judged<()> {
        self.json_value(json.context_item.as_deref())?;
        self.document_part(json.pathspec.as_deref())?;
        self.document_parts(&json.passing)?;
        self.behavior(json.on_empty.as_deref())?;
        self.behavior(json.on_error.as_deref())
    }

    fn behavior(&mut self, behavior: Option<&JsonBehavior>) -> Judged<()> {
        self.document_part(behavior.and_then(|b| b.expr.as_deref()))
    }
}
