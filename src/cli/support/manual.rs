//! `calmony completion` and `calmony man`: completions for shells and pages for readers, made of the
//! command's own description.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;

use crate::output::print;

/// The shell to complete for.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionOptions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// The place of the pages.
#[derive(Debug, clap::Args)]
pub(crate) struct ManOptions {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn complete(options: &CompletionOptions, mut command: Command) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "calmony", &mut script);
    print(&script);
}

pub(crate) fn man(options: &ManOptions, command: Command) -> anyhow::Result<()> {
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        return clap_mangen::generate_to(command, folder)
            .with_context(|| format!("can't write into {}", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&page);
    Ok(())
}
