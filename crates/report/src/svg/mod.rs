//! Charts as inline SVG. A chart is data; [`Chart::render`] draws it with classes only, so that the style sheet of
//! the page gives the colours, by day, by night and on paper. No layout of pages, no numbers of its own.

mod axis;

use std::fmt::Write as _;

use maud::{Markup, html};

pub(crate) use axis::Axis;

/// Room for the words at the left and below the plot, and for the end of the last tick's words at the right.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;

/// The same where an axis has no label.
const TOP_UNLABELLED: f64 = 10.0;
const BOTTOM_UNLABELLED: f64 = 24.0;

/// A chart with two axes.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// Unique in the page; the title and the description are referred to by it.
    pub(crate) id: String,
    /// What it shows, for those who do not see it and for the pointer.
    pub(crate) title: String,
    /// What can be seen in it, in a sentence or two.
    pub(crate) description: String,
    /// In units of the drawing, about pixels.
    pub(crate) width: f64,
    /// Likewise.
    pub(crate) height: f64,
    /// From left to right.
    pub(crate) x: Axis,
    /// From below.
    pub(crate) y: Axis,
    /// Drawn in this order.
    pub(crate) layers: Vec<Layer>,
    /// What the pointer is told in a part of the plot.
    pub(crate) hints: Vec<Hint>,
}

/// One thing drawn, with its name for the legend.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// For the legend.
    pub(crate) name: String,
    /// Which of the page's series colours, from 1.
    pub(crate) color: u8,
    /// How.
    pub(crate) shape: Shape,
}

/// How a layer is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A line through the points; it is broken where there is none.
    Line { points: Vec<Option<(f64, f64)>>, stroke: Stroke },
    /// The area between 0 and the line.
    Area { points: Vec<(f64, f64)> },
    /// Upright bars: from and to on the x axis, from and to on the y axis.
    Bars { bars: Vec<[f64; 4]> },
}

/// The stroke of a line; it tells lines apart where there is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    Solid,
    Dashed,
    Thin,
}

/// Words for the pointer over a part of the x axis.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) text: String,
}

impl Chart {
    /// The drawing. It fills the width it is given.
    pub(crate) fn render(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        html! {
            svg class="chart" viewBox={ "0 0 " (round(self.width)) " " (round(self.height)) } role="img"
                aria-labelledby={ (title) " " (description) } {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                (self.grid())
                g { @for layer in &self.layers { (self.layer(layer)) } }
                g { @for hint in &self.hints { (self.hint(hint)) } }
            }
        }
    }

    /// Names and samples of the strokes, for beside the drawing.
    pub(crate) fn legend(&self) -> Markup {
        html! {
            ul class="legend" aria-hidden="true" {
                @for layer in &self.layers {
                    li {
                        svg class="swatch" viewBox="0 0 22 10" {
                            @match &layer.shape {
                                Shape::Line { stroke, .. } => {
                                    path class=(line_class(layer.color, *stroke)) d="M1 5H21" {}
                                }
                                Shape::Area { .. } => {
                                    rect class={ "fill area c" (layer.color) } x="1" y="0" width="20" height="10" {}
                                }
                                Shape::Bars { .. } => {
                                    rect class={ "fill c" (layer.color) } x="1" y="0" width="20" height="10" {}
                                }
                            }
                        }
                        (layer.name)
                    }
                }
            }
        }
    }

    fn grid(&self) -> Markup {
        let (right, bottom) = (self.width - RIGHT, self.height - self.bottom());
        html! {
            g class="grid" {
                @for (value, _) in &self.y.ticks {
                    @let y = round(self.at_y(*value));
                    line x1=(round(LEFT)) x2=(round(right)) y1=(y) y2=(y) {}
                }
            }
            g class="ticks" {
                @for (value, words) in &self.y.ticks {
                    text x=(round(LEFT - 8.0)) y=(round(self.at_y(*value) + 4.0)) text-anchor="end" { (words) }
                }
                @for (value, words) in &self.x.ticks {
                    @let x = round(self.at_x(*value));
                    line x1=(x) x2=(x) y1=(round(bottom)) y2=(round(bottom + 5.0)) {}
                    text x=(x) y=(round(bottom + 18.0)) text-anchor="middle" { (words) }
                }
            }
            line class="base" x1=(round(LEFT)) x2=(round(right)) y1=(round(bottom)) y2=(round(bottom)) {}
            g class="labels" {
                text x="0" y="12" { (self.y.label) }
                text x=(round(right)) y=(round(self.height - 4.0)) text-anchor="end" { (self.x.label) }
            }
        }
    }

    fn layer(&self, layer: &Layer) -> Markup {
        match &layer.shape {
            Shape::Line { points, stroke } => html! {
                path class=(line_class(layer.color, *stroke)) d=(self.path(points)) {}
            },
            Shape::Area { points } => html! {
                path class={ "fill area c" (layer.color) } d=(self.area(points)) {}
                path class={ "line c" (layer.color) }
                    d=(self.path(&points.iter().copied().map(Some).collect::<Vec<_>>())) {}
            },
            // One path for all bars: a long run has thousands.
            Shape::Bars { bars } => html! { path class={ "fill c" (layer.color) } d=(self.bars(bars)) {} },
        }
    }

    fn hint(&self, hint: &Hint) -> Markup {
        let (from, to) = (self.at_x(hint.from), self.at_x(hint.to));
        html! {
            rect class="hint" x=(round(from)) y=(round(self.top())) width=(round((to - from).max(0.1)))
                height=(round(self.height - self.top() - self.bottom())) { title { (hint.text) } }
        }
    }

    fn path(&self, points: &[Option<(f64, f64)>]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for point in points {
            let Some((x, y)) = point else {
                pen_down = false;
                continue;
            };
            let (x, y) = (round(self.at_x(*x)), round(self.at_y(*y)));
            // "h0" makes a point without neighbours visible: the caps of the stroke are round.
            let _ = if pen_down { write!(path, "L{x} {y}") } else { write!(path, "M{x} {y}h0") };
            pen_down = true;
        }
        path
    }

    fn area(&self, points: &[(f64, f64)]) -> String {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
        let base = round(self.height - self.bottom());
        let mut path = format!("M{} {base}", round(self.at_x(first.0)));
        for (x, y) in points {
            let _ = write!(path, "L{} {}", round(self.at_x(*x)), round(self.at_y(*y)));
        }
        let _ = write!(path, "L{} {base}Z", round(self.at_x(last.0)));
        path
    }

    fn bars(&self, bars: &[[f64; 4]]) -> String {
        let mut path = String::new();
        for [from, to, low, high] in bars {
            let (from, to) = (self.at_x(*from), self.at_x(*to));
            // A gap tells neighbours apart as long as they are wide enough to spare it.
            let gap = if to - from > 4.0 { 1.0 } else { 0.0 };
            let (left, right) = (round(from + gap / 2.0), round((to - gap / 2.0).max(from + 0.6)));
            let (low, high) = (round(self.at_y(*low)), round(self.at_y(*high)));
            let _ = write!(path, "M{left} {low}V{high}H{right}V{low}Z");
        }
        path
    }

    fn top(&self) -> f64 {
        if self.y.label.is_empty() { TOP_UNLABELLED } else { TOP }
    }

    fn bottom(&self) -> f64 {
        if self.x.label.is_empty() { BOTTOM_UNLABELLED } else { BOTTOM }
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.position(value) * (self.width - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        self.height - self.bottom() - self.y.position(value) * (self.height - self.top() - self.bottom())
    }
}

/// A row's figures on a common logarithmic scale: a thin line from the shortest to the longest, a thick one from
/// the median to the 99th percentile.
pub(crate) fn range(axis: &Axis, title: &str, [low, from, to, high]: [f64; 4]) -> Markup {
    const WIDTH: f64 = 160.0;
    let at = |value: f64| round(2.0 + axis.position(value) * (WIDTH - 4.0));
    html! {
        svg class="range" viewBox="0 0 160 16" role="img" aria-label=(title) {
            title { (title) }
            @for (value, _) in &axis.ticks {
                line class="tick" x1=(at(*value)) x2=(at(*value)) y1="0" y2="16" {}
            }
            path class="line thin c1" d={ "M" (at(low)) " 8H" (at(high)) } {}
            path class="thick c1" d={ "M" (at(from)) " 8H" (at(to)) "h0" } {}
            circle class="dot c4" cx=(at(high)) cy="8" r="2.5" {}
        }
    }
}

fn line_class(color: u8, stroke: Stroke) -> String {
    let stroke = match stroke {
        Stroke::Solid => "",
        Stroke::Dashed => " dashed",
        Stroke::Thin => " thin",
    };
    format!("line{stroke} c{color}")
}

/// A tenth of a unit is less than a pixel; trailing zeros are left out.
fn round(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(shape: Shape) -> String {
        let chart = Chart {
            id: "test".into(),
            title: "a <title>".into(),
            description: "what is seen".into(),
            width: 182.0,
            height: 166.0,
            x: Axis::counts("x", 10.0),
            y: Axis::counts("y", 10.0),
            layers: vec![Layer { name: "line".into(), color: 1, shape }],
            hints: vec![Hint { from: 0.0, to: 5.0, text: "five".into() }],
        };
        chart.render().into_string()
    }

    #[test]
    fn a_line_is_broken_where_there_is_nothing() {
        let points = vec![Some((0.0, 0.0)), Some((5.0, 10.0)), None, Some((10.0, 5.0))];
        let text = chart(Shape::Line { points, stroke: Stroke::Dashed });
        assert!(
            text.contains(r#"<path class="line dashed c1" d="M64 126h0L114 26M164 76h0"></path>"#),
            "{text}"
        );
    }

    #[test]
    fn bars_stand_on_each_other() {
        let text = chart(Shape::Bars { bars: vec![[0.0, 5.0, 0.0, 5.0], [0.0, 5.0, 5.0, 10.0]] });
        assert!(text.contains(r#"d="M64.5 126V76H113.5V126ZM64.5 76V26H113.5V76Z""#), "{text}");
    }

    #[test]
    fn a_chart_is_told_to_those_who_do_not_see_it() {
        let text = chart(Shape::Area { points: vec![] });
        assert!(text.contains(r#"role="img" aria-labelledby="test-title test-desc""#), "{text}");
        assert!(text.contains(r#"<title id="test-title">a &lt;title&gt;</title>"#), "{text}");
        assert!(text.contains(r#"<desc id="test-desc">what is seen</desc>"#), "{text}");
        assert!(text.contains("<title>five</title>"), "{text}");
    }
}
