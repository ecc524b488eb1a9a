//! Four words that two screens show of one join, so that people see that both mean the same.
//!
//! A list of 256 words and nothing else: each byte is one word. Knows neither what the bytes are
//! made of nor who compares them. Layer: `keys`, beside `device`.

/// The words, in order: short, everyday, told apart when they are called across a range.
///
/// No two begin with the same four letters, and none becomes another by one wrong letter.
///
/// Source: PROTOCOL R-JOIN-4.
pub const WORDS: [&str; 256] = [
    "acid", "acorn", "alarm", "album", "amber", "angle", "apple", "april", "apron", "arena",
    "armor", "arrow", "atlas", "attic", "autumn", "avenue", "bacon", "badge", "bagel", "baker",
    "bamboo", "banana", "banjo", "barrel", "basket", "beach", "beard", "beaver", "birch", "bonus",
    "bottle", "branch", "brass", "bread", "brick", "bridge", "bronze", "brush", "bucket", "butter",
    "cabin", "cactus", "camel", "candle", "canoe", "canvas", "carbon", "carpet", "castle", "cedar",
    "cello", "cement", "chain", "chalk", "cherry", "chess", "cider", "cinema", "circus", "citrus",
    "clay", "cliff", "clock", "cloud", "clover", "cobalt", "coffee", "comet", "compass", "copper",
    "coral", "cotton", "coyote", "cradle", "crane", "crayon", "cricket", "crown", "crystal",
    "cushion", "daisy", "dance", "denim", "desert", "diamond", "dinner", "dolphin", "donkey",
    "dragon", "drum", "eagle", "earth", "easel", "elbow", "engine", "fabric", "falcon", "feather",
    "fence", "fiddle", "finger", "flag", "flame", "flute", "forest", "forge", "fossil", "galaxy",
    "garden", "garlic", "glove", "goat", "goose", "granite", "grape", "guitar", "hammer", "harbor",
    "hazel", "helmet", "hockey", "honey", "hotel", "igloo", "island", "ivory", "jacket", "jaguar",
    "jelly", "jewel", "jungle", "kayak", "kettle", "kiwi", "koala", "ladder", "lagoon", "lantern",
    "laser", "lemon", "lily", "linen", "lizard", "lotus", "lunar", "magnet", "mango", "maple",
    "marble", "meadow", "melon", "mirror", "moon", "mosaic", "motor", "muffin", "museum",
    "mustard", "napkin", "nectar", "needle", "nickel", "north", "novel", "nutmeg", "oasis",
    "oatmeal", "ocean", "olive", "onion", "onyx", "opera", "orbit", "orchid", "otter", "oven",
    "paddle", "palace", "panda", "paper", "parrot", "peanut", "pebble", "pencil", "pepper",
    "piano", "pickle", "pigeon", "pillow", "pilot", "pirate", "planet", "plaza", "pocket", "polar",
    "pony", "potato", "pumpkin", "puppet", "puzzle", "quartz", "quilt", "rabbit", "radio", "raft",
    "rain", "raven", "ribbon", "river", "robin", "rodeo", "rope", "ruby", "salmon", "sandal",
    "satin", "school", "scooter", "shadow", "shovel", "silver", "sketch", "spider", "spoon",
    "sugar", "sunset", "swan", "teapot", "temple", "tennis", "tiger", "timber", "tomato",
    "trumpet", "tulip", "tunnel", "turtle", "valley", "vanilla", "velvet", "violin", "volcano",
    "waffle", "wagon", "walnut", "walrus", "water", "whale", "wheat", "window", "winter", "yellow",
    "yogurt", "zebra", "zigzag", "zipper",
];

/// Returns the words that stand for four bytes, in their order.
///
/// Source: PROTOCOL R-JOIN-4.
pub fn words(bytes: [u8; 4]) -> [&'static str; 4] {
    // The list has a word for every value of a byte, so the default is never taken.
    bytes.map(|byte| WORDS.get(usize::from(byte)).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    /// Tells whether one wrong letter makes one word of the other.
    fn are_near(one: &str, other: &str) -> bool {
        let pairs = one.bytes().zip(other.bytes());
        one.len() == other.len() && pairs.filter(|(left, right)| left != right).count() < 2
    }

    #[test]
    fn every_byte_has_a_word_of_its_own_that_is_easily_told_apart() {
        let beginnings: BTreeSet<&str> = WORDS.iter().map(|word| word.get(..4).unwrap()).collect();
        assert_eq!(beginnings.len(), 256, "four letters name a word");
        for (place, word) in WORDS.iter().enumerate() {
            assert!((4..=8).contains(&word.len()), "{word}: short");
            assert!(
                word.bytes().all(|letter| letter.is_ascii_lowercase()),
                "{word}: plain letters"
            );
            for other in &WORDS[..place] {
                assert!(*other < *word, "{other} {word}: in order");
                assert!(!are_near(other, word), "{other} {word}: one letter");
            }
        }
    }

    /// Frozen: a changed list shows two devices of different versions different words.
    #[test]
    fn the_list_is_frozen() {
        let list = blake3::hash(WORDS.join(" ").as_bytes());
        assert_eq!(
            list.to_hex().as_str(),
            "c25a693c709a6bb3bbfe602682d901c551179687cc91894b0420da7e10b7ee6b"
        );
        assert_eq!(
            words([0, 1, 254, 255]),
            [WORDS[0], WORDS[1], WORDS[254], WORDS[255]]
        );
    }
}
