//! The time line: a row for each experiment, time to the right.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use status_adapters::store::PastMail;
use status_core::{ExperimentName, Feed, Monitor, SystemAlert, Wall, printable};
use status_sim::picture::{Canvas, DEFS, Lane, Paint, Run, Scale, Words, clusters, escape, label_width};
use url::form_urlencoded::byte_serialize;

use super::super::words::percent;
use super::ticks::ticks;
use super::told::{self, Whole};
use crate::http::asked::Named;
use crate::observers::uptime::{Span, State, Tally};
use crate::past::{AlertTime, Past, Track, WholeOutage};
use crate::settings::Groups;

/// How wide the picture is, in pixels.
const WIDTH: u64 = 1_080;
/// How many pixels a column may be wide: the fewer, the finer.
const PIXELS: [u64; 7] = [1, 2, 3, 6, 12, 36, 108];
/// How many runs of columns there may be besides one for each row, so that the page is not too large.
const RUNS: usize = 1_800;
/// How many of them have words of their own.
const WORDED: usize = 600;
/// Up to so many rows are high.
const FEW: usize = 100;
const AXIS: u64 = 20;
const SERVICE: u64 = 18;
const GROUP: u64 = 24;

/// A time line as it stands on the page.
pub(super) struct Timeline {
    /// The names at the left, as HTML.
    pub(super) names: String,
    /// The rows, as SVG.
    pub(super) svg: String,
    /// How many experiments it shows.
    pub(super) rows: usize,
    /// How many outages those had.
    pub(super) outages: usize,
}

/// The services, and the system alerts about each.
const SERVICES: [(&str, &[SystemAlert]); 5] = [
    ("relay", &[SystemAlert::Silent(Feed::Relay)]),
    ("jump", &[SystemAlert::Silent(Feed::Jump)]),
    ("book", &[SystemAlert::BookUnreachable, SystemAlert::ManifestEmpty]),
    ("store", &[SystemAlert::StoreBroken, SystemAlert::StoreReplaced]),
    ("names", &[SystemAlert::TooManyNames]),
];
/// Those that are shown whether there was a system alert or not.
const ALWAYS: [&str; 3] = ["relay", "jump", "book"];

/// How mail is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Post {
    /// How long news may take to be mailed.
    pub(super) patience: Duration,
    /// Since when the oldest mail waits that somebody does not have; `None` if everybody has all.
    pub(super) waits_since: Option<Wall>,
}

impl Post {
    /// What is usual beyond what the settings say: the mail server takes its time.
    const BEYOND: Duration = Duration::from_secs(300);

    pub(super) fn of(monitor: &Monitor) -> Self {
        let mail = monitor.config().mail.as_ref();
        Self {
            patience: mail.map_or(Duration::MAX, |mail| mail.wait + mail.every + Self::BEYOND),
            waits_since: monitor.outbox().undelivered().iter().map(|one| one.since).min(),
        }
    }

    /// When mail waited for longer than it should, with words.
    fn waits(&self, past: &Past) -> Vec<(Span, String)> {
        let of = |mail: &PastMail| {
            let news = mail.mentions.iter().map(|mention| mention.at).max()?;
            let subject = printable(&mail.subject);
            Some((Span { from: news, to: mail.at }, format!("a mail waited: {subject}")))
        };
        let mut waits: Vec<(Span, String)> = past.mails.iter().filter_map(of).collect();
        let present = self.waits_since.map(|from| Span { from, to: past.now });
        waits.extend(present.map(|span| (span, "mail waits, and somebody does not have it yet".to_owned())));
        waits.retain(|(span, _)| span.from < span.to && span.length() > self.patience);
        waits
    }
}

/// A time in which something of a service was not as it should be.
struct Stood {
    span: Span,
    title: String,
    href: String,
}

impl Timeline {
    /// Draws what happened in these groups; `name` selects rows, and `root` is what each link begins with.
    pub(super) fn draw(
        past: &Past,
        post: &Post,
        chosen_groups: &Groups,
        name: Option<&Named>,
        root: &str,
    ) -> Self {
        let chosen =
            |(own, _): &(&ExperimentName, &Track)| name.is_none_or(|name| name.matches(own.as_str()));
        let mut groups: BTreeMap<&str, Vec<(&ExperimentName, &Track)>> = BTreeMap::new();
        for (own, track) in past.experiments.iter().filter(chosen) {
            groups.entry(chosen_groups.of(own.as_str())).or_default().push((own, track));
        }
        let rows = groups.values().map(Vec::len).sum::<usize>();
        let (pixels, runs) = fineness(past, &groups);
        let height = if rows <= FEW { 20 } else { 14 };
        let canvas =
            Canvas { body: String::new(), scale: scale(past.window, pixels), pixels, left: 0, y: AXIS };
        let worded = WORDED.checked_div(rows).unwrap_or(WORDED).max(1);
        let worded = if runs <= WORDED {
            usize::MAX
        } else if runs <= RUNS {
            worded
        } else {
            0
        };
        let since = super::since(past.window);
        let mut drawing = Drawing { past, root, since, canvas, names: String::new(), worded, height };
        drawing.services(post);
        drawing.mails();
        for (group, members) in &groups {
            drawing.group(group, members);
        }
        let outages = groups.values().flatten().map(|(_, track)| track.outages.len()).sum();
        drawing.finish(rows, outages)
    }
}

fn scale(window: Span, pixels: u64) -> Scale {
    let end = u64::try_from(window.length().as_millis()).unwrap_or(u64::MAX).max(1);
    Scale { end, columns: WIDTH / pixels }
}

/// How many pixels a column is wide, so that there are not too many runs of them, and how many there are then.
fn fineness(past: &Past, groups: &BTreeMap<&str, Vec<(&ExperimentName, &Track)>>) -> (u64, usize) {
    let count = |pixels: u64| {
        let scale = scale(past.window, pixels);
        let runs = |track: &Track| {
            lane("", track, past.window, scale).runs().filter(|run| is_told(run.paint)).count()
        };
        groups.values().flatten().map(|(_, track)| runs(track)).sum::<usize>()
    };
    let mut last = (1, 0);
    for pixels in PIXELS {
        last = (pixels, count(pixels));
        if last.1 <= RUNS {
            break;
        }
    }
    last
}

/// What is not as it should be has words of its own.
fn is_told(paint: Paint) -> bool {
    !matches!(paint, Paint::Fine | Paint::Healthy)
}

fn paint(state: State) -> Paint {
    match state {
        State::Healthy => Paint::Healthy,
        State::Unhealthy => Paint::Unhealthy,
        State::Out => Paint::Unavailable,
        State::Maintenance => Paint::Maintenance,
        State::Startup => Paint::Startup,
        State::Unknown => Paint::Unwatched,
    }
}

/// The milliseconds after the beginning of a window from which to which something was.
fn offsets(span: Span, window: Span) -> (u64, u64) {
    let after = |at: Wall| at.as_millis().saturating_sub(window.from.as_millis());
    (after(span.from), after(span.to))
}

fn lane(name: &str, track: &Track, window: Span, scale: Scale) -> Lane {
    let mut lane = Lane::new(name, scale);
    for stretch in &track.stretches {
        let (from, to) = offsets(stretch.span, window);
        lane.was(from, to, paint(stretch.state), scale);
    }
    lane
}

struct Drawing<'a> {
    past: &'a Past,
    root: &'a str,
    /// How far back the incidents go that links lead to.
    since: String,
    canvas: Canvas,
    names: String,
    /// How many runs of a row have words.
    worded: usize,
    height: u64,
}

impl Drawing<'_> {
    /// Writing to a string cannot fail.
    fn name(&mut self, html: std::fmt::Arguments<'_>) {
        let _ = self.names.write_fmt(html);
        self.names.push('\n');
    }

    fn services(&mut self, post: &Post) {
        let past = self.past;
        let (root, since) = (self.root, &self.since);
        let mut rows: Vec<(&str, Vec<Stood>)> = Vec::new();
        for (name, alerts) in SERVICES {
            let stood = |(at, one): (usize, &AlertTime)| {
                let skip = super::skip(past.alerts.len() - 1 - at);
                let anchor = super::anchor(one.alert.as_str(), one.since);
                let span = one.span(past.window)?;
                let title = format!("{}, {}", one.alert, told::times(span));
                Some(Stood {
                    span,
                    title,
                    href: format!("{root}?incidents&kind=system&since={since}{skip}#{anchor}"),
                })
            };
            let own = past.alerts.iter().enumerate().filter(|(_, one)| alerts.contains(&one.alert));
            rows.push((name, own.filter_map(stood).collect()));
        }
        let waited = |(span, words): (Span, String)| {
            let inside = span.within(past.window)?;
            let title = format!("{words}, {}", told::times(span));
            Some(Stood { span: inside, title, href: format!("{root}?incidents&since={since}") })
        };
        let waits = post.waits(past).into_iter().filter_map(waited).collect();
        rows.insert(ALWAYS.len(), ("mail", waits));
        for (name, stood) in rows {
            if !stood.is_empty() || name == "mail" || ALWAYS.contains(&name) {
                self.service(name, &stood);
            }
        }
    }

    fn service(&mut self, name: &str, stood: &[Stood]) {
        let (past, scale) = (self.past, self.canvas.scale);
        let mut lane = Lane::new(name, scale);
        for span in past.watched.iter().filter_map(|span| span.within(past.window)) {
            let (from, to) = offsets(span, past.window);
            lane.was(from, to, Paint::Fine, scale);
        }
        for Stood { span, .. } in stood {
            let (from, to) = offsets(*span, past.window);
            lane.was(from, to, Paint::Alert, scale);
        }
        let mut left = WORDED;
        self.canvas.lane(&lane, name, SERVICE, 5, |run| {
            left = left.checked_sub(usize::from(run.paint == Paint::Alert))?;
            let mut here = stood.iter().filter(|one| is_in(run, one.span, past.window, scale));
            let one = here.next().filter(|_| run.paint == Paint::Alert)?;
            let more = match here.count() {
                0 => String::new(),
                more => format!("; and {more} more close by"),
            };
            Some(Words { title: format!("{}{more}", one.title), href: one.href.clone() })
        });
        self.name(format_args!("<span class=service>{name}</span>"));
    }

    fn mails(&mut self) {
        let past = self.past;
        let is_inside = |mail: &&PastMail| past.window.from <= mail.at && mail.at < past.window.to;
        let mails: Vec<&PastMail> = past.mails.iter().filter(is_inside).collect();
        let at = |mail: &&PastMail| offsets(Span { from: mail.at, to: mail.at }, past.window).0;
        let times: Vec<u64> = mails.iter().map(at).collect();
        // As wide as the widest label.
        let pixels = Scale { columns: WIDTH, ..self.canvas.scale };
        let mut found = clusters(&times, pixels, |_| "✉ ".to_owned());
        for cluster in &mut found {
            cluster.column = (cluster.column / self.canvas.pixels).min(self.canvas.scale.columns);
            cluster.label = match cluster.members.len() {
                1 => "✉".to_owned(),
                more => format!("✉ {more}"),
            };
        }
        self.canvas.pills("mail", &found, WIDTH, |cluster| told::mails(&mails[cluster.members.clone()]));
        self.name(format_args!("<span class=mails>mails</span>"));
    }

    fn group(&mut self, group: &str, members: &[(&ExperimentName, &Track)]) {
        self.canvas.y += GROUP;
        let count = members.len();
        self.name(format_args!("<b class=kind>{} <small>{count}</small></b>", escape(group)));
        for (name, track) in members {
            self.experiment(name, track);
        }
    }

    fn experiment(&mut self, name: &ExperimentName, track: &Track) {
        let (past, scale, root, since) = (self.past, self.canvas.scale, self.root, self.since.clone());
        let lane = lane(name.as_str(), track, past.window, scale);
        let link: String = byte_serialize(name.as_str().as_bytes()).collect();
        let mut left = self.worded;
        let wholes = told::wholes(past, name, track);
        let title = format!("{}: {} healthy", name.as_str(), percent(Tally::of(&track.stretches).share()));
        self.canvas.lane(&lane, &title, self.height, 3, |run| {
            left = left.checked_sub(usize::from(is_told(run.paint)))?;
            let is_here =
                |one: &&Whole| paint(one.state) == run.paint && is_in(run, one.span, past.window, scale);
            let mut here = wholes.iter().filter(is_here);
            let one = here.next().filter(|_| is_told(run.paint))?;
            let is_it = |whole: &WholeOutage| {
                let outage = whole.outage;
                outage.from <= one.span.from && (outage.is_open || one.span.from < outage.to)
            };
            let href = match track.outages.iter().rposition(is_it).filter(|_| one.state.is_down()) {
                Some(at) => {
                    let skip = super::skip(track.outages.len() - 1 - at);
                    let anchor = super::anchor(name.as_str(), track.outages[at].outage.from);
                    format!("{root}?incidents&name={link}&since={since}{skip}#{anchor}")
                }
                None => format!("{root}?experiment={link}"),
            };
            Some(Words { title: told::stretch(name, track, one, here.count()), href })
        });
        self.name(format_args!("<a href=\"{root}?experiment={link}\">{}</a>", escape(name.as_str())));
    }

    /// The axis at both ends, and the grid behind the rows.
    fn finish(mut self, rows: usize, outages: usize) -> Timeline {
        let ticks: Vec<(u64, String)> = ticks(self.past.window)
            .into_iter()
            .map(|(at, label)| (self.canvas.scale.column(at), label))
            .collect();
        let bottom = self.canvas.y;
        self.canvas.grid(ticks.iter().map(|(column, _)| *column), AXIS - 4, bottom + 4, 0);
        for (column, label) in &ticks {
            let half = label_width(label) / 2;
            let x = self.canvas.x(*column).clamp(half, WIDTH - half);
            self.canvas.text("st-label", x, AXIS - 7, label);
            self.canvas.text("st-label", x, bottom + 16, label);
        }
        let high = bottom + AXIS + 4;
        let svg = format!(
            "<svg class=\"st-picture\" width=\"{WIDTH}\" height=\"{high}\" viewBox=\"0 0 {WIDTH} {high}\">\n{DEFS}{}</svg>",
            self.canvas.body,
        );
        let size = if self.height < 20 { "low" } else { "high" };
        let names = format!("<div class=\"names {size}\">\n<span class=axis></span>\n{}</div>", self.names);
        Timeline { names, svg, rows, outages }
    }
}

/// Whether a run of columns shows something of a stretch of time.
fn is_in(run: Run, span: Span, window: Span, scale: Scale) -> bool {
    let (from, to) = offsets(span, window);
    let touched = scale.touched(from, to);
    touched.start < run.from + run.width && run.from < touched.end
}

#[cfg(test)]
mod tests {
    use status_adapters::store::PastRecords;
    use status_core::{Event, Mention, Mentioned};

    use super::*;
    use crate::past::Startups;

    const HOUR: u64 = 3_600_000;
    const END: u64 = 30 * 24 * HOUR;

    fn event(name: &str, when: u64, healthy: bool) -> Event {
        let issues =
            if healthy { String::new() } else { format!(r#"{{"MissingRequired":"{name}-st-video"}}"#) };
        serde_json::from_str(&format!(
            r#"{{"when":{when},"healthy":{healthy},"jump_ok":true,"streams":{{}},"resources":{{"r-{name}":{healthy}}},"issues":[{issues}]}}"#
        ))
        .unwrap()
    }

    /// So many experiments over thirty days, each with an outage so often.
    fn lab(rigs: u64, outages: u64) -> Past {
        let mut records = PastRecords {
            watched: vec![(Wall::default(), Wall::from_millis(END))],
            ..PastRecords::default()
        };
        for rig in 0..rigs {
            let name = format!("{}{rig:03}", ["pend", "spin", "heat"][usize::try_from(rig % 3).unwrap()]);
            let mut events = vec![event(&name, 0, true)];
            for outage in 0..outages {
                let at = (outage + 1) * END / (outages + 1) + rig % 7 * HOUR;
                events.extend([event(&name, at, false), event(&name, at + HOUR * (1 + rig % 3), true)]);
            }
            records.events.insert(name.as_str().into(), events);
        }
        let window = Span { from: Wall::default(), to: Wall::from_millis(END) };
        Past::of(records, &Startups::default(), window, window.to)
    }

    #[test]
    fn five_hundred_rigs_over_a_month_fit_a_page_however_often_they_fail() {
        for outages in [0, 2, 5, 12, 30, 70] {
            let past = lab(500, outages);
            let drawn = Timeline::draw(&past, &Post::default(), &Groups::default(), None, "./");
            let length = drawn.names.len() + drawn.svg.len();
            assert!(length < 290_000, "{outages} outages each: {length} bytes");
            assert_eq!((drawn.rows, drawn.outages), (500, 500 * usize::try_from(outages).unwrap()));
        }
    }

    #[test]
    fn a_stretch_says_what_happened_and_leads_there() {
        let past = lab(3, 1);
        let drawn = Timeline::draw(&past, &Post::default(), &Groups::default(), None, "./");
        let at = END / 2;
        let link =
            format!("<a href=\"./?incidents&amp;name=pend000&amp;since=31d#pend000@{at}\" tabindex=\"-1\">");
        assert!(drawn.svg.contains(&link), "{}", drawn.svg);
        let told = "<title>pend000: could not be booked, 1970-01-16 00:00 to 01:00, 1 h: missing required pend000-st-video</title>";
        assert!(drawn.svg.contains(told), "{}", drawn.svg);
        let named = Named::read(Some("spin*")).unwrap();
        assert_eq!(Timeline::draw(&past, &Post::default(), &Groups::default(), named.as_ref(), "").rows, 1);
        assert_eq!(Timeline::draw(&lab(0, 0), &Post::default(), &Groups::default(), None, "").rows, 0);
    }

    #[test]
    fn a_stretch_is_told_whole_however_many_events_were_in_it() {
        let broken = |when, stream: &str| {
            let mut event = serde_json::to_value(event("pend000", when, false)).unwrap();
            event["streams"] = serde_json::json!({format!("pend000-st-{stream}"): false});
            event["issues"] = serde_json::json!([{"MissingRequired": format!("pend000-st-{stream}")}]);
            serde_json::from_value::<Event>(event).unwrap()
        };
        let mut events = vec![event("pend000", 0, true)];
        let streams = ["video", "data", "video", "force", "light", "heat"];
        events.extend((0..).zip(streams).map(|(at, stream)| broken(HOUR + at * 600_000, stream)));
        events.push(event("pend000", 3 * HOUR, true));
        let mut records = PastRecords {
            watched: vec![(Wall::default(), Wall::from_millis(24 * HOUR))],
            ..PastRecords::default()
        };
        records.events.insert("pend000".into(), events);
        let window = Span { from: Wall::default(), to: Wall::from_millis(24 * HOUR) };
        let past = Past::of(records, &Startups::default(), window, window.to);
        let svg = Timeline::draw(&past, &Post::default(), &Groups::default(), None, "").svg;
        let told = "could not be booked, 1970-01-01 01:00 to 03:00, 2 h: missing required pend000-st-video, \
                    missing required pend000-st-data, missing required pend000-st-force and 2 more</title>";
        assert!(svg.contains(told), "{svg}");
        assert_eq!(svg.matches("could not be booked").count(), 1);
    }

    #[test]
    fn a_mail_that_waited_and_names_that_were_too_many_are_seen() {
        let mut past = lab(1, 0);
        let at = |hours: u64| Wall::from_millis(hours * HOUR);
        let mail = |news: u64, sent: u64, subject: &str| PastMail {
            at: at(sent),
            subject: subject.to_owned(),
            trouble: (subject == "late").then(|| "ops@example.org: 550 no such user".to_owned()),
            mentions: vec![
                Mention { of: Mentioned::Alert(SystemAlert::StoreBroken), since: at(1), at: at(1) },
                Mention { of: Mentioned::Experiment("pend000".into()), since: at(1), at: at(news) },
            ],
        };
        past.mails = vec![mail(10, 10, "soon"), mail(20, 28, "late")];
        let draw = |past: &Past, post: &Post| Timeline::draw(past, post, &Groups::default(), None, "");
        let patient = Post { patience: Duration::from_secs(600), waits_since: None };
        let drawn = draw(&past, &patient);
        assert!(drawn.names.contains(">mail</span>") && !drawn.names.contains(">names</span>"));
        assert!(
            drawn
                .svg
                .contains("<title>a mail waited: late, 1970-01-01 20:00 to 1970-01-02 04:00, 8 h</title>"),
            "{}",
            drawn.svg
        );
        assert!(!drawn.svg.contains("waited: soon"), "{}", drawn.svg);
        assert!(
            drawn.svg.contains("late; somebody did not get it</title>") && !drawn.svg.contains("ops@"),
            "{}",
            drawn.svg
        );
        let since = Wall::from_millis(END - 2 * HOUR);
        past.alerts = vec![AlertTime { alert: SystemAlert::TooManyNames, since, until: None }];
        let drawn = draw(&past, &Post { waits_since: Some(since), ..patient });
        assert!(
            drawn.svg.contains("<title>mail waits, and somebody does not have it yet, 1970-01-30 22:00"),
            "{}",
            drawn.svg
        );
        assert!(drawn.names.contains(">names</span>"), "{}", drawn.names);
        let link =
            format!("kind=system&amp;since=31d#{}@{}", SystemAlert::TooManyNames.as_str(), since.as_millis());
        assert!(drawn.svg.contains(&link), "{}", drawn.svg);
    }
}
