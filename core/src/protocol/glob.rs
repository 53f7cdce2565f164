//! Names with `*` and `?` in them.

use core::str::Chars;

/// Whether a pattern stands for a text: `*` for any characters, also none, and `?` for any one.
///
/// Only the last `*` is ever tried again, since what one before it could swallow more, the last can swallow too. So it takes no more
/// steps than the product of both lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last `*`, and where in the text that is tried.
    let mut last_star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = here.clone();
                last_star = Some((pattern.clone(), here));
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => {
                let Some((rest, swallowed)) = &mut last_star else { return false };
                if swallowed.next().is_none() {
                    return false;
                }
                (pattern, text) = (rest.clone(), swallowed.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_one() {
        assert!(matches("pend0*", "pend0") && matches("pend0*", "pend00") && !matches("pend0*", "pend1"));
        assert!(matches("pend0?", "pend00") && !matches("pend0?", "pend0") && !matches("pend0?", "pend000"));
        assert!(matches("*", "") && !matches("?", "") && !matches("", "a"));
        assert!(matches("*-st-*", "a-st-b-st-c") && matches("*b", "abab") && !matches("*b", "aba"));
    }

    #[test]
    fn characters_count_not_bytes() {
        assert!(matches("f?n", "fön") && matches("*ö?", "föö"));
    }

    #[test]
    fn many_stars_take_no_age() {
        let text = "a".repeat(2_000);
        assert!(!matches(&("*a".repeat(120) + "b"), &text));
    }

    fn naively(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                naively(rest, text) || (!text.is_empty() && naively(pattern, &text[1..]))
            }
            (['?', rest @ ..], [_, behind @ ..]) => naively(rest, behind),
            ([wanted, rest @ ..], [found, behind @ ..]) => wanted == found && naively(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn it_is_what_the_definition_says(pattern in "[abö*?]{0,8}", text in "[abö]{0,9}") {
            let chars = |text: &str| text.chars().collect::<alloc::vec::Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), naively(&chars(&pattern), &chars(&text)));
        }
    }
}
