//! Turns `currencies.txt` into a match.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=currencies.txt");
    let mut arms = String::new();
    for line in fs::read_to_string("currencies.txt")?.lines() {
        let (code, symbol) = line.split_once(' ').ok_or("each line is CODE SYMBOL")?;
        arms.push_str(&format!("        {code:?} => Some({symbol:?}),\n"));
    }
    let code = format!(
        "/// The symbol of a currency, by its ISO code.\npub fn symbol(code: &str) -> Option<&'static str> {{\n    match code {{\n{arms}        _ => None,\n    }}\n}}\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("symbols.rs"), code)?;
    Ok(())
}
