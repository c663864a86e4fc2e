//! Counts the violated assertions of a value, by which near misses are ranked.

use super::Exceeded;
use super::evaluate::{Evaluation, ROOT};
use super::program::{NodeId, Properties, SchemaRule};
use super::scope::{ScopeId, Scopes};
use standin_dialect::json::JsonNode;

impl Evaluation<'_> {
    /// Returns the number of violated assertions. An `anyOf` or similar counts as one.
    pub(super) fn errors(&mut self, value: JsonNode<'_>) -> Result<usize, Exceeded> {
        self.count(ROOT, value, Scopes::EMPTY)
    }

    fn count(&mut self, id: NodeId, value: JsonNode<'_>, outer: ScopeId) -> Result<usize, Exceeded> {
        let program = self.program;
        let node = &program.nodes[id];
        let scope = self.entered(outer, node.resource)?;
        self.spend(1)?;
        self.descend()?;
        let mut count = 0;
        for rule in &node.rules {
            count += self.count_rule(rule, &node.rules, value, scope)?;
        }
        self.ascend();
        Ok(count)
    }

    fn count_rule(
        &mut self,
        rule: &SchemaRule,
        siblings: &[SchemaRule],
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<usize, Exceeded> {
        match rule {
            SchemaRule::Leaf(leaf) => {
                self.spend(leaf.cost(value))?;
                leaf.errors(value)
            }
            SchemaRule::Items { prefix, rest } => {
                let mut count = 0;
                for (place, item) in value.items().into_iter().flatten().enumerate() {
                    let Some(node) = prefix.get(place).copied().or(*rest) else { break };
                    count += self.count(node, item, scope)?;
                }
                Ok(count)
            }
            SchemaRule::Properties(properties) => self.count_properties(properties, value, scope),
            SchemaRule::PropertyNames(node) => self.bad_names(*node, value, scope, usize::MAX),
            SchemaRule::AllOf(nodes) => {
                nodes.iter().try_fold(0, |sum, node| Ok(sum + self.count(*node, value, scope)?))
            }
            SchemaRule::If { condition, then, otherwise } => {
                let branch = if self.holds(*condition, value, scope)? { then } else { otherwise };
                branch.map_or(Ok(0), |node| self.count(node, value, scope))
            }
            rule => Ok(usize::from(!self.rule(rule, siblings, value, scope)?)),
        }
    }

    fn count_properties(
        &mut self,
        properties: &Properties,
        value: JsonNode<'_>,
        scope: ScopeId,
    ) -> Result<usize, Exceeded> {
        let (mut count, mut has_refused) = (0, false);
        for (name, member) in value.members().into_iter().flatten() {
            for node in self.nodes_of(properties, &name)? {
                // all additional properties that are forbidden count as one error
                let refuses = matches!(self.program.nodes[node].rules.as_slice(), [SchemaRule::Never]);
                if refuses && properties.additional == Some(node) {
                    has_refused = true;
                } else {
                    count += self.count(node, member, scope)?;
                }
            }
        }
        Ok(count + usize::from(has_refused))
    }
}
