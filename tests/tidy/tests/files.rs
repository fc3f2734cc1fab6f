//! The files of the repository, as they lie in the work tree.
//!
//! Build output and hidden directories are not looked at.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file, its path relative to the root.
pub struct File {
    /// `proxy/src/main.rs`
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("tests/tidy lies two below the root")
        .to_owned()
}

/// All text files.
pub fn all() -> Vec<File> {
    let mut files = Vec::new();
    collect(&root(), &root(), &mut files);
    assert!(files.len() > 50, "this is not the repository");
    files
}

/// All files whose names end so.
pub fn ending(suffix: &str) -> Vec<File> {
    all()
        .into_iter()
        .filter(|f| f.path.ends_with(suffix))
        .collect()
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        let skipped = ["target", "demo-data", "__pycache__"].contains(&&*name);
        if skipped || (name.starts_with('.') && name != ".ci") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            files.push(File { path, text });
        }
    }
}
