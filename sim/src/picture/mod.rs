//! Rows of stretches in time, drawn as SVG: what the chart of a scenario and the time line of a laboratory share.

mod axis;
mod canvas;
mod lane;
mod steps;
mod svg;

pub use axis::{Cluster, clusters, label_width};
pub use canvas::{Canvas, Words};
pub use lane::{Lane, Paint, Run, Scale};
pub use steps::round_step;
pub use svg::{DEFS, STYLE, escape, short};
