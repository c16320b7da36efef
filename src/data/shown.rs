//! Paths in messages.

use std::path::Path;

/// A path for a message of one line: a newline or an escape code in a file's name stays visible and harmless.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.display().to_string().chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}
