//! What the shop sells, and what visitors search for.

use crate::{format::write_integer, random::Random};

pub(super) const CATEGORIES: usize = 20;
const PRODUCTS_PER_CATEGORY: u16 = 100;
const PRODUCTS: u16 = CATEGORIES as u16 * PRODUCTS_PER_CATEGORY;
const TERMS: usize = 8;
/// A prime: a product's number doesn't tell how much it is wanted.
const STRIDE: u32 = 7_919;
const SHIFT: u32 = 1_234;

/// Name in URLs, and what is searched for in it; the most wanted first.
#[rustfmt::skip]
const CATALOG: [(&str, [&str; TERMS]); CATEGORIES] = [
    ("shoes", ["running+shoes", "white+sneakers", "hiking+boots", "sandals", "winter+boots", "slippers", "trail+shoes", "loafers"]),
    ("phones", ["phone+case", "usb-c+cable", "screen+protector", "power+bank", "smartphone", "phone+holder", "earbuds", "charger"]),
    ("kitchen", ["air+fryer", "coffee+maker", "knife+set", "frying+pan", "blender", "kettle", "lunch+box", "cutting+board"]),
    ("toys", ["building+bricks", "puzzle+1000", "board+game", "plush+dinosaur", "toy+train", "doll+house", "kite", "marble+run"]),
    ("books", ["cook+book", "crime+novel", "notebook+a5", "children+book", "travel+guide", "calendar", "comic", "dictionary"]),
    ("computers", ["laptop", "mechanical+keyboard", "monitor+27", "usb+hub", "wireless+mouse", "ssd+2tb", "webcam", "laptop+stand"]),
    ("garden", ["garden+hose", "raised+bed", "tomato+seeds", "lawn+mower", "bird+house", "solar+lights", "compost+bin", "gloves"]),
    ("sports", ["yoga+mat", "dumbbells", "water+bottle", "football", "resistance+bands", "tennis+racket", "jump+rope", "swim+goggles"]),
    ("beauty", ["sunscreen", "shampoo", "hand+cream", "lip+balm", "perfume", "hair+dryer", "nail+polish", "face+mask"]),
    ("clothing", ["rain+jacket", "jeans", "wool+socks", "t-shirt", "winter+coat", "hoodie", "dress", "belt"]),
    ("furniture", ["desk", "office+chair", "bookshelf", "bed+frame", "sofa", "side+table", "wardrobe", "stool"]),
    ("lighting", ["desk+lamp", "led+strip", "floor+lamp", "light+bulb+e27", "night+light", "ceiling+lamp", "candles", "lantern"]),
    ("tools", ["cordless+drill", "screwdriver+set", "tape+measure", "ladder", "wood+glue", "spirit+level", "pliers", "sandpaper"]),
    ("audio", ["headphones", "bluetooth+speaker", "turntable", "microphone", "soundbar", "guitar+strings", "vinyl", "amplifier"]),
    ("pets", ["cat+litter", "dog+bed", "dog+leash", "cat+tree", "aquarium", "bird+food", "dog+toy", "pet+carrier"]),
    ("baby", ["diapers", "stroller", "baby+monitor", "car+seat", "pacifier", "baby+bottle", "crib", "bib"]),
    ("groceries", ["espresso+beans", "green+tea", "olive+oil", "oat+milk", "dark+chocolate", "pasta", "honey", "granola"]),
    ("travel", ["cabin+suitcase", "backpack", "packing+cubes", "neck+pillow", "travel+adapter", "tent", "sleeping+bag", "passport+cover"]),
    ("office", ["printer+paper", "ballpoint+pens", "shredder", "ink+cartridge", "sticky+notes", "stapler", "whiteboard", "envelopes"]),
    ("bikes", ["bike+helmet", "bike+lock", "bike+light", "inner+tube", "bike+pump", "panniers", "saddle", "bike+bell"]),
];

/// The place of one of so many, from 0; the first is the most wanted.
fn wanted(many: u16, random: &mut Random) -> u16 {
    (random.zipf(u64::from(many)) - 1) as u16
}

pub(super) fn category(random: &mut Random) -> u8 {
    wanted(CATEGORIES as u16, random) as u8
}

/// A search for something of this category.
pub(super) fn term(category: u16, random: &mut Random) -> u16 {
    category * TERMS as u16 + wanted(TERMS as u16, random)
}

/// A product of this category.
pub(super) fn product(category: u16, random: &mut Random) -> u16 {
    category * PRODUCTS_PER_CATEGORY + wanted(PRODUCTS_PER_CATEGORY, random)
}

/// Any product, each as likely.
pub(super) fn any_product(random: &mut Random) -> u16 {
    random.below(u64::from(PRODUCTS)) as u16
}

pub(super) fn write_category(category: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/category/");
    if let Some((name, _)) = CATALOG.get(usize::from(category)) {
        out.extend_from_slice(name.as_bytes());
    }
}

pub(super) fn write_search(term: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/search?q=");
    let (category, place) = (usize::from(term) / TERMS, usize::from(term) % TERMS);
    if let Some((_, terms)) = CATALOG.get(category) {
        out.extend_from_slice(terms[place].as_bytes());
    }
}

pub(super) fn write_product(product: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/product/");
    let number = 1_000 + (SHIFT + u32::from(product) * STRIDE) % u32::from(PRODUCTS);
    write_integer(i64::from(number), out);
}
