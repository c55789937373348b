//! A quantity over time as SVG, with the line that it must stay below: plain shapes and text, no script. Knows nothing of
//! what is drawn.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 48.0;
const STEPS: u32 = 5;

/// What is drawn over what.
#[derive(Debug, Clone)]
pub struct Curve {
    pub title: String,
    pub across: String,
    /// In order of the first number.
    pub points: Vec<(f64, f64)>,
    /// What it must stay below, and what that is called.
    pub limit: Option<(f64, String)>,
}

impl Curve {
    pub fn to_svg(&self) -> String {
        let limit = self.limit.as_ref().map_or(0.0, |(limit, _)| *limit);
        let most = self.points.iter().map(|(_, value)| *value).fold(limit, f64::max);
        let top = round_up(most.max(1.0) * 1.05);
        let last = self.points.last().map_or(1.0, |(at, _)| *at).max(f64::MIN_POSITIVE);
        let x = |at: f64| LEFT + at / last * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut svg = head(&self.title);
        for step in 0..=STEPS {
            let part = f64::from(step) / f64::from(STEPS);
            line(&mut svg, "grid", (LEFT, y(top * part)), (WIDTH - RIGHT, y(top * part)));
            text(&mut svg, (LEFT - 8.0, y(top * part) + 4.0), "end", &short(top * part));
            text(&mut svg, (x(last * part), HEIGHT - BOTTOM + 18.0), "middle", &short(last * part));
        }
        text(&mut svg, ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10.0), "middle", &self.across);
        if let Some((limit, name)) = &self.limit {
            line(&mut svg, "limit", (LEFT, y(*limit)), (WIDTH - RIGHT, y(*limit)));
            text(&mut svg, (WIDTH - RIGHT - 6.0, y(*limit) - 6.0), "end", name);
        }
        svg.push_str("<polyline class=\"curve\" points=\"");
        for (at, value) in &self.points {
            let _ = write!(svg, "{:.1},{:.1} ", x(*at), y(*value));
        }
        svg.push_str("\"/>\n</svg>\n");
        svg
    }
}

fn head(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {HEIGHT:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{HEIGHT:.0}\" role=\"img\">\n<title>{title}</title>\n<style>\n\
         text {{ font: 13px system-ui, sans-serif; fill: #5b666d }}\n\
         .title {{ font-size: 17px; font-weight: 600; fill: #1c2429 }}\n.grid {{ stroke: #d9dee1 }}\n\
         .limit {{ stroke: #e08e2b; stroke-width: 1.5; stroke-dasharray: 6 4 }}\n\
         .curve {{ fill: none; stroke: #0b6e99; stroke-width: 2 }}\n.page {{ fill: #ffffff }}\n</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"16\" y=\"32\">{title}</text>\n"
    )
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The next number that begins with 1, 2 or 5 and has noughts after that.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|part| part * power).find(|round| *round >= value).unwrap_or(10.0 * power)
}

fn short(value: f64) -> String {
    format!("{}", (value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_stays_within_its_frame_and_words_stay_words() {
        let curve = Curve {
            title: "a<b & c".to_owned(),
            across: "hours".to_owned(),
            points: (0..100).map(|at| (f64::from(at), f64::from(at * 7))).collect(),
            limit: Some((400.0, "limit".to_owned())),
        };
        let svg = curve.to_svg();
        assert!(svg.contains("a&lt;b &amp; c") && !svg.contains("a<b"), "{svg}");
        let (_, points) = svg.split_once("points=\"").unwrap();
        let points: Vec<(f64, f64)> = points
            .split('"')
            .next()
            .unwrap()
            .split_whitespace()
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert_eq!(points.len(), 100);
        assert!(
            points
                .iter()
                .all(|(x, y)| (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT - BOTTOM).contains(y))
        );
    }

    #[test]
    fn the_edge_is_a_round_number() {
        assert_eq!([3.0, 99.0, 100.0, 420.0, 510.0].map(round_up), [5.0, 100.0, 100.0, 500.0, 1_000.0]);
    }
}
