//! The properties of an XML node in a template: `name`, `text` and `attributes`.

use std::sync::Arc;

use super::budget::RenderError;
use super::value::{MapKind, TemplateValue, XmlValue};
use standin_dialect::xml::NodeKind;

impl XmlValue {
    /// Returns a property; null if there is none of this name.
    pub(super) fn property(&self, name: &str) -> Result<TemplateValue, RenderError> {
        Ok(match name {
            "attributes" => self.attributes()?,
            "name" => TemplateValue::text(self.name()),
            "text" if self.is_document() => TemplateValue::Null,
            "text" => TemplateValue::text(match self.document.kind(self.place) {
                // a text beside CDATA is a node of its own to Java
                NodeKind::Text(text) | NodeKind::CData(text) if !self.place.is_attribute() => text.to_string(),
                _ => self.document.string_value(self.place).into_owned(),
            }),
            _ => TemplateValue::Null,
        })
    }

    fn name(&self) -> &str {
        if let Some(attribute) = self.document.attribute(self.place) {
            return attribute.name.written();
        }
        match self.document.kind(self.place) {
            NodeKind::Document => "#document",
            NodeKind::Element(element) => element.name.written(),
            NodeKind::Text(_) => "#text",
            NodeKind::CData(_) => "#cdata-section",
            NodeKind::Comment(_) => "#comment",
            NodeKind::Instruction { target, .. } => target,
        }
    }

    fn attributes(&self) -> Result<TemplateValue, RenderError> {
        let element = self.document.element(self.place);
        let mut entries: Vec<(Arc<str>, TemplateValue)> = element
            .map(|element| self.document.attributes(element))
            .unwrap_or_default()
            .iter()
            .map(|attribute| (attribute.name.written().into(), TemplateValue::text(&*attribute.value)))
            .collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(TemplateValue::map(entries, MapKind::Plain)?)
    }

    fn is_document(&self) -> bool {
        matches!(self.document.kind(self.place), NodeKind::Document)
    }
}
