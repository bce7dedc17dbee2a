//! A page on each code: what it means, why it matters, an example of the mistake and one without it.
//!
//! The pages are Markdown, grouped by what they are about; a test holds their examples against what is really said.

use super::Code;

const PAGES: [&str; 6] = [
    include_str!("pages/text.md"),
    include_str!("pages/fields.md"),
    include_str!("pages/objects.md"),
    include_str!("pages/tokens.md"),
    include_str!("pages/composition.md"),
    include_str!("pages/rules.md"),
];

impl Code {
    /// What there is to say about the code, as Markdown that reads well as text.
    #[must_use]
    pub fn page(self) -> String {
        let (name, sentence) = (self.as_str(), self.sentence());
        match self.section() {
            Some(section) => format!("# {name}\n\n{sentence}\n\n{section}\n"),
            None => format!("# {name}\n\n{sentence}\n"),
        }
    }

    /// The part of the pages that is about the code, without its heading.
    fn section(self) -> Option<&'static str> {
        PAGES.iter().find_map(|pages| {
            let (_, rest) = match pages.strip_prefix("# ") {
                Some(rest) if rest.lines().next() == Some(self.as_str()) => ("", rest),
                _ => pages.split_once(&format!("\n# {}\n", self.as_str()))?,
            };
            let text = rest.strip_prefix(self.as_str()).unwrap_or(rest);
            Some(text.split("\n# ").next().unwrap_or_default().trim())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_of_its_own() {
        for code in Code::all() {
            let section = code.section().unwrap_or_default();
            assert!(!section.is_empty(), "{code} has no page in src/diagnostic/pages");
            assert!(!section.contains("\n# "), "{code}");
        }
        let headings: usize =
            PAGES.iter().map(|pages| format!("\n{pages}").matches("\n# ").count()).sum();
        assert_eq!(headings, Code::all().count(), "a page is about no code");
    }
}
