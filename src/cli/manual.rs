//! `calmony completion` and `calmony man`: what shells and readers want of a command, made of its own description.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use crate::output::print;

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionOptions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct ManOptions {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn complete(options: &CompletionOptions) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "calmony", &mut script);
    print(&script);
}

pub(super) fn man(options: &ManOptions) -> anyhow::Result<()> {
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        return clap_mangen::generate_to(Cli::command(), folder)
            .with_context(|| format!("can't write into {}", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&page);
    Ok(())
}
