//! Names that resemble each other, for hints.

/// Returns the number of letters to add, remove, change or swap until two names are equal.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(one, other)
}

/// Returns the names most like `wanted`, at most three, the most similar first.
pub(crate) fn most_similar(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    const LEAST: f64 = 0.75;
    let wanted = wanted.to_lowercase();
    let similarity = |name: &str| strsim::jaro_winkler(&wanted, &name.to_lowercase());
    let mut known: Vec<_> = names.into_iter().map(|name| (similarity(&name), name)).collect();
    known.retain(|(similarity, _)| *similarity >= LEAST);
    known.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    known.into_iter().take(3).map(|(_, name)| name).collect()
}
