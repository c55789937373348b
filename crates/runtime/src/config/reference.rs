//! The reference page of a register of settings. The page is generated, so it cannot say something else than the code.

use std::fmt::Write;

use super::Setting;

/// A Markdown table of every setting.
pub fn reference_markdown(command: &str, register: &[Setting]) -> String {
    let mut page = format!(
        "# Configuration of `{command}`\n\nGenerated from the register of settings; do not edit.\n\n\
         A flag wins over a variable, a variable over the file given with `--config`. A key of the file or a variable\n\
         `CASEBOOK_*` that nobody reads is an error, except those that Kubernetes sets for a service of that name.\n\n\
         | flag | variable | key in the file | default | meaning |\n|---|---|---|---|---|\n"
    );
    for setting in register {
        let default = setting.default.map_or_else(String::new, |text| format!("`{text}`"));
        let _ = writeln!(
            page,
            "| `{} {}` | `{}` | `{}` | {default} | {} |",
            setting.flag(),
            setting.shape,
            setting.variable(),
            setting.key(),
            setting.help.replace('|', "\\|"),
        );
    }
    page
}
