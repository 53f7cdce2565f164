//! Addresses as proxies hand them on, made those that are served here.

use axum::extract::Request;
use axum::http::Uri;

/// The files of the page, as it asks for them: by a query alone, which is right wherever a proxy has put the page, with
/// a slash at the end of its path or without.
const FILES: [(&str, &str); 4] = [
    ("file=page.css", "/page.css"),
    ("file=past.css", "/past.css"),
    ("file=page.js", "/page.js"),
    ("file=icon.svg", "/icon.svg"),
];

/// What a proxy may have closed by its address: nobody gets there by another.
const INTERNAL: [&str; 2] = ["readyz", "metrics"];

/// The request for what was meant.
///
/// A proxy that takes `/status` off `/status/healthz` and puts `/` in its place asks for `//healthz`: slashes at the
/// beginning count as one.
pub(super) async fn straightened(mut request: Request) -> Request {
    if let Some(meant) = meant(request.uri()) {
        *request.uri_mut() = meant;
    }
    request
}

/// The address that is served here, if it is another.
fn meant(uri: &Uri) -> Option<Uri> {
    let path = uri.path().trim_start_matches('/');
    let file = FILES.iter().find(|(query, _)| path.is_empty() && uri.query() == Some(query));
    match (file, uri.path().starts_with("//") && !INTERNAL.contains(&path)) {
        (Some((_, file)), _) => Some(Uri::from_static(file)),
        (None, true) => match uri.query() {
            Some(query) => format!("/{path}?{query}").parse().ok(),
            None => format!("/{path}").parse().ok(),
        },
        (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_beginning_count_as_one_and_files_are_asked_for_by_a_query() {
        for (asked, served) in [
            ("//", "/"),
            ("//?q=pend&show=out", "/?q=pend&show=out"),
            ("///api/v1/system", "/api/v1/system"),
            ("//evil.example.org/x", "/evil.example.org/x"),
            ("/?file=page.css", "/page.css"),
            ("//?file=page.js", "/page.js"),
            ("/?file=icon.svg", "/icon.svg"),
        ] {
            assert_eq!(meant(&asked.parse().unwrap()).unwrap(), served, "{asked}");
        }
        for same in [
            "/",
            "/?q=file",
            "/?file=other",
            "/readyz",
            "/api//v1/system",
            "/readyz?file=page.css",
            "//readyz",
            "///metrics",
        ] {
            assert_eq!(meant(&same.parse().unwrap()), None, "{same}");
        }
    }
}
