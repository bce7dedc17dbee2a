//! Names for manifests out of names for people.

/// The longest slug, in characters: names become folders, and four of them a path.
const LONGEST: usize = 60;

/// A name of the form `[a-z0-9]([a-z0-9._-]*[a-z0-9])?` that resembles `label`; `None` if nothing
/// of the label can be in one.
pub(super) fn slug(label: &str) -> Option<String> {
    let mut out = String::new();
    // Labels may be as long as a request; more of one than this is never needed.
    for character in label.chars().take(4 * LONGEST) {
        match fold(character) {
            "" => {
                let lower = character.to_ascii_lowercase();
                match lower {
                    'a'..='z' | '0'..='9' => out.push(lower),
                    '.' | '_' if !out.is_empty() && !out.ends_with(['-', '.', '_']) => {
                        out.push(lower);
                    }
                    _ if !out.is_empty() && !out.ends_with(['-', '.', '_']) => out.push('-'),
                    _ => {}
                }
            }
            folded => out.push_str(folded),
        }
    }
    out.truncate(LONGEST);
    let trimmed = out.trim_end_matches(['-', '.', '_']);
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Latin letters that are not ASCII, as people write them where they have to; empty for all others.
fn fold(character: char) -> &'static str {
    match character {
        'ä' | 'Ä' | 'æ' | 'Æ' => "ae",
        'ö' | 'Ö' | 'œ' | 'Œ' => "oe",
        'ü' | 'Ü' => "ue",
        'ß' => "ss",
        'à'..='å' | 'À'..='Å' | 'ā' | 'ă' | 'ą' | 'Ą' => "a",
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' => "c",
        'ď' | 'Ď' | 'ð' | 'đ' | 'Đ' => "d",
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'ė' | 'ę' | 'Ę' | 'ě' => "e",
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'į' | 'ı' | 'İ' => "i",
        'ł' | 'Ł' => "l",
        'ñ' | 'Ñ' | 'ń' | 'ň' => "n",
        'ò'..='õ' | 'Ò'..='Õ' | 'ø' | 'Ø' | 'ő' => "o",
        'ř' | 'Ř' => "r",
        'ś' | 'Ś' | 'š' | 'Š' | 'ş' => "s",
        'ť' | 'ț' | 'ţ' => "t",
        'ù'..='û' | 'Ù'..='Û' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ź' | 'Ź' | 'ż' | 'Ż' | 'ž' | 'Ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::is_valid_name;

    #[test]
    fn a_slug_resembles_its_label() {
        for (label, expect) in [
            ("ACME Haulage", "acme-haulage"),
            ("  Tenant, small (APAC)  ", "tenant-small-apac"),
            ("Müller & Søn", "mueller-son"),
            ("api.v2_test", "api.v2_test"),
            ("../../etc", "etc"),
            ("a..b", "a.b"),
            ("42", "42"),
        ] {
            assert_eq!(slug(label).as_deref(), Some(expect), "{label}");
        }
        for label in ["", "...", "Ж", "\u{0}", "🚚"] {
            assert_eq!(slug(label), None, "{label}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_slug_is_a_name(label in ".{0,300}") {
            if let Some(slug) = slug(&label) {
                proptest::prop_assert!(is_valid_name(&slug), "{slug}");
                proptest::prop_assert!(slug.len() <= LONGEST);
            }
        }
    }
}
