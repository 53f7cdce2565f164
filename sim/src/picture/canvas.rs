//! The picture that grows, from top to bottom.

use super::axis::{Cluster, label_width};
use super::lane::{Lane, Paint, Run, Scale};
use super::svg::{class, escape, meaning, short};

/// Longer names are cut.
const NAME_MOST: usize = 22;
/// Rows lower than this don't show all of a pattern.
const LOW: u64 = 6;
const MARKS_HEIGHT: u64 = 22;

/// What a run of columns says and leads to.
pub struct Words {
    /// What a reader sees who points at it.
    pub title: String,
    /// Where it leads.
    pub href: String,
}

/// The picture that grows, from top to bottom.
pub struct Canvas {
    /// What is drawn so far.
    pub body: String,
    /// Its columns in time.
    pub scale: Scale,
    /// How many pixels a column is wide.
    pub pixels: u64,
    /// Where the columns begin.
    pub left: u64,
    /// Where the next thing goes.
    pub y: u64,
}

impl Canvas {
    /// Adds a line of SVG.
    pub fn add(&mut self, text: &str) {
        self.body.push_str(text);
        self.body.push('\n');
    }

    /// Adds a text at a place.
    pub fn text(&mut self, class: &str, x: u64, y: u64, text: &str) {
        self.add(&format!(r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escape(text)));
    }

    /// Where the columns end.
    #[must_use]
    pub fn right(&self) -> u64 {
        self.left + self.scale.columns * self.pixels
    }

    /// Where a column is.
    #[must_use]
    pub fn x(&self, column: u64) -> u64 {
        self.left + column * self.pixels
    }

    /// Adds a row of labels; none of them goes beyond `most`. `told` says more of each.
    pub fn pills(&mut self, kind: &str, clusters: &[Cluster], most: u64, told: impl Fn(&Cluster) -> String) {
        let y = self.y;
        for cluster in clusters {
            let width = label_width(&cluster.label);
            // At the right edge it moves to the left, so that it stays in the picture.
            let x = self.x(cluster.column).min(most.saturating_sub(width));
            let middle = x + width / 2;
            let (label, told) = (escape(&cluster.label), escape(&told(cluster)));
            let text = if kind == "mail" { "st-label-mail" } else { "st-label" };
            self.add(&format!(
                r#"<g><title>{told}</title><rect class="st-pill-{kind}" x="{x}" y="{y}" width="{width}" height="16" rx="3"/><text class="{text}" x="{middle}" y="{}">{label}</text></g>"#,
                y + 12,
            ));
        }
        self.y += MARKS_HEIGHT;
    }

    /// Adds the lines of the grid, behind what the text has from `begin` on.
    pub fn grid(&mut self, columns: impl Iterator<Item = u64>, from: u64, to: u64, begin: usize) {
        let lines: String = columns.map(|column| format!("M{}.5 {from}V{to}", self.x(column))).collect();
        self.body.insert_str(begin, &format!("<path class=\"st-grid\" d=\"{lines}\"/>\n"));
    }

    /// Adds the name of a row that is `bar` high.
    pub fn name(&mut self, name: &str, bar: u64) {
        // Names that stand for several low rows are at the height of the first.
        let base = self.y + if bar >= 9 { bar / 2 + 4 } else { bar.min(4) + 4 };
        self.text("st-name", self.left - 6, base, &short(name, NAME_MOST));
    }

    /// Adds a row, `gap` of whose height is left free. `words` says what of it leads where.
    pub fn lane(
        &mut self,
        lane: &Lane,
        title: &str,
        height: u64,
        gap: u64,
        mut words: impl FnMut(Run) -> Option<Words>,
    ) {
        let (y, bar, wide) = (self.y, height - gap, self.scale.columns * self.pixels);
        let mut paths: Vec<(Paint, String)> = Vec::new();
        let mut links = String::new();
        let mut whole = 0;
        for run in lane.runs() {
            whole += run.width;
            let width = run.width * self.pixels;
            let piece = format!("M{} {y}h{width}v{bar}h-{width}z", self.x(run.from));
            if let Some(Words { title, href }) = words(run) {
                links.push_str(&format!(
                    "<a href=\"{}\" tabindex=\"-1\"><path class=\"{}\" d=\"{piece}\"><title>{}</title></path></a>\n",
                    escape(&href),
                    class(run.paint),
                    escape(&title),
                ));
                continue;
            }
            match paths.iter_mut().find(|(known, _)| *known == run.paint) {
                Some((_, path)) => path.push_str(&piece),
                None => paths.push((run.paint, piece)),
            }
        }
        let low = if bar < LOW { " class=\"st-low\"" } else { "" };
        self.add(&format!("<g{low}><title>{}</title>", escape(title)));
        if whole < self.scale.columns {
            self.add(&format!(r#"<path class="st-empty" d="M{} {y}h{wide}v{bar}h-{wide}z"/>"#, self.left));
        }
        for (paint, path) in paths {
            self.add(&format!(r#"<path class="{}" d="{path}"/>"#, class(paint)));
        }
        self.body.push_str(&links);
        self.add("</g>");
        self.y += height;
    }

    /// Adds what the paints mean.
    pub fn legend(&mut self, paints: &[Paint]) {
        let mut x = self.left;
        let y = self.y;
        for paint in paints {
            let name = meaning(*paint);
            self.add(&format!(
                r#"<rect class="{}" x="{x}" y="{y}" width="24" height="12" stroke="{}" stroke-width="0.5"/>"#,
                class(*paint),
                "#8795a1",
            ));
            self.text("st-small", x + 30, y + 10, name);
            x += 30 + name.chars().count() as u64 * 6 + 22;
        }
        self.y += 30;
    }
}
