//! Bar codes to print: Code 128, which every scanner of a warehouse reads, as SVG that brings no style of its own.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;
use code128::Code128;

/// The width of a module, the narrowest bar: what a scanner reads from an arm's length.
const MODULE_MM: f64 = 0.33;
/// The widest code, for paper of letter size and for labels of 100 mm. Longer ones have narrower modules; those of an order
/// number still have a quarter of a millimetre.
const WIDEST_MM: f64 = 100.0;
/// What fits beside another one on a sheet.
const HALF_MM: f64 = 78.0;

/// The code of a text of ASCII, with the blank that scanners need around it.
#[derive(Debug, Template)]
#[template(
    source = r#"<svg class="barcode{% if is_wide %} is-wide{% endif %}" width="{{ width }}mm" height="14mm" viewBox="0 0 {{ modules }} 1" preserveAspectRatio="none" role="img" aria-label="Código de barras {{ text }}"><path shape-rendering="crispEdges" d="{{ path }}"/></svg>"#,
    ext = "html"
)]
pub(crate) struct Barcode {
    text: String,
    path: String,
    modules: usize,
    width: String,
    /// Whether it is wider than half a sheet.
    is_wide: bool,
}

impl HtmlSafe for Barcode {}

impl Barcode {
    pub(crate) fn new(text: &str) -> Self {
        let code = Code128::encode(text.as_bytes());
        let mut path = String::new();
        for bar in code.bar_coordinates() {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{} 0h{}v1h-{}z", bar.x, bar.width, bar.width);
        }
        let modules = code.len();
        let width = f64::from(u32::try_from(modules).unwrap_or(u32::MAX)) * MODULE_MM;
        let shown = format!("{:.1}", width.min(WIDEST_MM));
        Self { text: text.to_owned(), path, modules, width: shown, is_wide: width > HALF_MM }
    }
}

#[cfg(test)]
mod tests {
    use code128::Bar;

    use super::*;
    use crate::pages::scan::Command;

    /// Reads the bars out of the picture, as a scanner does.
    fn decoded(svg: &str, modules: usize) -> String {
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let bars: Vec<(usize, usize)> = path
            .split('M')
            .skip(1)
            .map(|bar| {
                let (x, rest) = bar.split_once(" 0h").unwrap();
                (x.parse().unwrap(), rest.split_once('v').unwrap().0.parse().unwrap())
            })
            .collect();
        assert_eq!(bars[0].0, 10, "a quiet zone before it");
        let ends = bars.iter().skip(1).map(|(x, _)| *x).chain([modules - 10]);
        let bars: Vec<Bar> = bars
            .iter()
            .zip(ends)
            .map(|((x, width), end)| Bar {
                width: u8::try_from(*width).unwrap(),
                space: u8::try_from(end - x - width).unwrap(),
            })
            .collect();
        code128::decode_str(&bars).unwrap()
    }

    #[test]
    fn what_is_printed_reads_as_what_was_meant() {
        let numbers = ["A", "ORD-2026-000001", "0123456789", "Abc-9-xYz", &"W-".repeat(16)].map(str::to_owned);
        for text in numbers.into_iter().chain(Command::all().map(Command::code)) {
            let code = Barcode::new(&text);
            let svg = code.render().unwrap();
            assert_eq!(decoded(&svg, code.modules), text);
            assert!(!svg.contains("style"), "{svg}");
            let width: f64 = code.width.parse().unwrap();
            let module = width / f64::from(u32::try_from(code.modules).unwrap());
            assert!(width <= WIDEST_MM && module > 0.24, "{text}: {width} mm, {module} mm a module");
        }
    }
}
