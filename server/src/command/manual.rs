//! What belongs beside the program in a package: completions for shells, and manual pages.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;

/// Prints what a shell needs to complete the command line.
pub fn completions(shell: Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "status", &mut text);
    // Whoever has stopped reading has seen enough.
    let _ = io::Write::write_all(&mut io::stdout().lock(), &text);
}

/// Writes a manual page for the program and one for each command into a folder.
///
/// # Errors
/// What could not be written, and why.
pub fn pages(folder: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot write manual pages into {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        pages(&folder.path().join("man")).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = folder.path().join("man").join(format!("status-{}.1", command.get_name()));
            assert!(page.exists(), "{}", page.display());
        }
        let page = std::fs::read_to_string(folder.path().join("man/status.1")).unwrap();
        assert!(page.contains("status\\-serve(1)"), "{page}");
    }
}
