//! Colours, patterns and texts, so that they are valid markup.

use status_core::printable;

use super::lane::Paint;

/// A text that stands between tags, or in quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No characters, by the rules of XML.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A text with what can't be seen escaped, but for blanks at its ends.
fn plain(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let start = text.len() - text.trim_start_matches(' ').len();
    let (before, after) = (&text[..start], &text[start + inner.len()..]);
    format!("{before}{}{after}", printable(inner))
}

/// Returns a text, cut to this many characters.
#[must_use]
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// What a paint means, in a word.
pub(super) const fn meaning(paint: Paint) -> &'static str {
    match paint {
        Paint::Fine => "service fine",
        Paint::Alert => "system alert",
        Paint::Healthy => "healthy",
        Paint::Unhealthy => "unhealthy, can be booked",
        Paint::Unavailable => "unavailable",
        Paint::Maintenance => "maintenance",
        Paint::Startup => "startup",
        Paint::Unwatched => "not watched",
    }
}

/// The class that paints it. A document may hold several pictures, so the names are ours alone.
pub(super) const fn class(paint: Paint) -> &'static str {
    match paint {
        Paint::Fine => "st-fine",
        Paint::Alert => "st-alert",
        Paint::Startup => "st-startup",
        Paint::Healthy => "st-healthy",
        Paint::Unhealthy => "st-unhealthy",
        Paint::Unavailable => "st-unavailable",
        Paint::Maintenance => "st-maintenance",
        Paint::Unwatched => "st-unwatched",
    }
}

/// Colours that stay apart for people who do not see all of them, and patterns for print. In rows that are lower
/// than a pattern it is faint: what is seen of it there would look like gaps in time.
pub const STYLE: &str = r##"<style>
.st-picture text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; font-size: 12px }
.st-picture .st-title { font-size: 18px; font-weight: 600 }
.st-picture .st-small { font-size: 11px; fill: #52606d }
.st-picture .st-name { font-size: 11px; text-anchor: end }
.st-picture .st-label { font-size: 11px; text-anchor: middle }
.st-picture .st-label-mail { font-size: 11px; text-anchor: middle; fill: #ffffff }
.st-grid { stroke: #dde3e9; stroke-width: 1; fill: none }
.st-step { stroke: #52606d; stroke-width: 1; stroke-dasharray: 3 3; fill: none; opacity: 0.6 }
.st-tick { stroke: #1d4e89; stroke-width: 1; fill: none }
.st-pill-mail { fill: #1d4e89 }
.st-pill-step { fill: #ffffff; stroke: #52606d }
.st-empty { fill: #eef1f4 }
.st-fine { fill: #cfd8e0 }
.st-alert { fill: url(#st-alert) }
.st-healthy { fill: #86c5a4 }
.st-unhealthy { fill: url(#st-unhealthy) }
.st-unavailable { fill: url(#st-unavailable) }
.st-maintenance { fill: url(#st-maintenance) }
.st-startup { fill: url(#st-startup) }
.st-unwatched { fill: url(#st-unwatched) }
.st-low .st-unhealthy { fill: url(#st-unhealthy-low) }
.st-low .st-unavailable { fill: url(#st-unavailable-low) }
</style>
"##;

/// The patterns that the style paints with. What is painted in them has classes, for pages with colours of their own.
pub const DEFS: &str = r##"<defs>
<pattern id="st-unhealthy" width="6" height="6" patternUnits="userSpaceOnUse"><path class="st-p-unhealthy" fill="#f6c445" d="M0 0h6v6h-6z"/><path class="st-i-unhealthy" stroke="#8a5a00" stroke-width="1.2" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern>
<pattern id="st-unavailable" width="6" height="6" patternUnits="userSpaceOnUse"><path class="st-p-unavailable" fill="#c8374a" d="M0 0h6v6h-6z"/><path class="st-i-unavailable" stroke="#ffd9de" stroke-width="1" d="M0 0l6 6M0 6l6-6"/></pattern>
<pattern id="st-maintenance" width="8" height="8" patternUnits="userSpaceOnUse"><path class="st-p-maintenance" fill="#9db8d9" d="M0 0h8v8h-8z"/><path class="st-i-maintenance" stroke="#2f5b91" stroke-width="1.4" d="M0 4h8"/></pattern>
<pattern id="st-startup" width="5" height="5" patternUnits="userSpaceOnUse"><path class="st-p-startup" fill="#c9dcf2" d="M0 0h5v5h-5z"/><path class="st-i-startup" fill="#41699b" d="M1 1h1.5v1.5h-1.5z"/></pattern>
<pattern id="st-unwatched" width="4" height="6" patternUnits="userSpaceOnUse"><path class="st-p-unwatched" fill="#ffffff" d="M0 0h4v6h-4z"/><path class="st-i-unwatched" stroke="#8795a1" stroke-width="1" d="M1.5 0v6"/></pattern>
<pattern id="st-alert" width="6" height="6" patternUnits="userSpaceOnUse"><path class="st-p-alert" fill="#6b4ba1" d="M0 0h6v6h-6z"/><path class="st-i-alert" stroke="#e5dcf5" stroke-width="1.2" d="M-1 5l2 2M0 0l6 6M5 -1l2 2"/></pattern>
<pattern id="st-unhealthy-low" width="6" height="6" patternUnits="userSpaceOnUse"><path class="st-p-unhealthy" fill="#f6c445" d="M0 0h6v6h-6z"/><path class="st-i-unhealthy-low" stroke="#d9a21f" stroke-width="1.2" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern>
<pattern id="st-unavailable-low" width="6" height="6" patternUnits="userSpaceOnUse"><path class="st-p-unavailable" fill="#c8374a" d="M0 0h6v6h-6z"/><path class="st-i-unavailable-low" stroke="#dc7482" stroke-width="1" d="M0 0l6 6M0 6l6-6"/></pattern>
</defs>
"##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_markup() {
        assert_eq!(escape("<b a=\"1\">R&D\u{0}\u{ffff}"), "&lt;b a=&quot;1&quot;&gt;R&amp;D\\u{0}\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!((short("äöü", 3), short("äöüx", 3)), ("äöü".to_owned(), "äö…".to_owned()));
    }
}
