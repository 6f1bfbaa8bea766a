//! What brings visitors to the shop.

use super::{
    agent::{Agent, Family},
    funnel::STEPS,
};
use crate::random::Random;

/// A way to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Channel {
    Direct,
    Search,
    Social,
    Mail,
    Partner,
}

/// The page before the first of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Referrer {
    None,
    Google,
    Bing,
    DuckDuckGo,
    Ecosia,
    Instagram,
    Facebook,
    MobileFacebook,
    TikTok,
    Reddit,
    YouTube,
    Pinterest,
    Twitter,
    Gmail,
    GmailApp,
    Outlook,
    Prices,
    Coupons,
}

type Shares = &'static [(Referrer, f64)];

impl Channel {
    pub(in crate::model) const ALL: [Self; 5] = [
        Self::Direct,
        Self::Search,
        Self::Social,
        Self::Mail,
        Self::Partner,
    ];

    /// Its share of the sessions: of regulars, of others.
    pub(in crate::model) fn share(self, regular: bool) -> f64 {
        let (regulars, others) = match self {
            Self::Direct => (0.58, 0.22),
            Self::Search => (0.18, 0.44),
            Self::Social => (0.06, 0.16),
            Self::Mail => (0.14, 0.08),
            Self::Partner => (0.04, 0.10),
        };
        if regular { regulars } else { others }
    }

    /// The chance of each step to be the first.
    #[rustfmt::skip]
    pub(in crate::model) fn landing(self) -> [f64; STEPS] {
        match self {
            //               home  search categ. product cart
            Self::Direct =>  [0.62, 0.05, 0.12, 0.18, 0.03, 0.0, 0.0, 0.0, 0.0],
            Self::Search =>  [0.22, 0.03, 0.30, 0.45, 0.00, 0.0, 0.0, 0.0, 0.0],
            Self::Social =>  [0.15, 0.00, 0.15, 0.70, 0.00, 0.0, 0.0, 0.0, 0.0],
            Self::Mail =>    [0.10, 0.00, 0.45, 0.42, 0.03, 0.0, 0.0, 0.0, 0.0],
            Self::Partner => [0.03, 0.00, 0.07, 0.90, 0.00, 0.0, 0.0, 0.0, 0.0],
        }
    }

    pub(super) fn draw(regular: bool, random: &mut Random) -> Self {
        let weighted = Self::ALL.map(|channel| (channel, channel.share(regular)));
        pick(&weighted, random).unwrap_or(Self::Direct)
    }

    /// The page before, as it fits the browser.
    pub(super) fn referrer(self, agent: &Agent, random: &mut Random) -> Referrer {
        use Referrer as R;
        let shares: Shares = match (self, agent.family) {
            (Self::Direct, _) => return R::None,
            (Self::Search, Family::Edge) => &[(R::Bing, 0.55), (R::Google, 0.43), (R::DuckDuckGo, 0.02)],
            (Self::Search, Family::Firefox) => &[
                (R::Google, 0.78),
                (R::DuckDuckGo, 0.15),
                (R::Ecosia, 0.04),
                (R::Bing, 0.03),
            ],
            (Self::Search, _) => &[
                (R::Google, 0.92),
                (R::Bing, 0.04),
                (R::DuckDuckGo, 0.03),
                (R::Ecosia, 0.01),
            ],
            (Self::Social, _) if agent.mobile => &[
                (R::Instagram, 0.38),
                (R::MobileFacebook, 0.30),
                (R::TikTok, 0.17),
                (R::Pinterest, 0.08),
                (R::Twitter, 0.07),
            ],
            (Self::Social, _) => &[
                (R::Facebook, 0.30),
                (R::Reddit, 0.28),
                (R::YouTube, 0.20),
                (R::Pinterest, 0.12),
                (R::Twitter, 0.10),
            ],
            // Apple's mail program names no page.
            (Self::Mail, Family::Safari) if agent.mobile => return R::None,
            (Self::Mail, _) if agent.mobile => return R::GmailApp,
            (Self::Mail, _) => &[(R::Gmail, 0.6), (R::Outlook, 0.4)],
            (Self::Partner, _) => &[(R::Prices, 0.7), (R::Coupons, 0.3)],
        };
        pick(shares, random).unwrap_or(R::None)
    }
}

impl Referrer {
    /// Empty where there is none.
    pub(super) fn url(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Google => "https://www.google.com/",
            Self::Bing => "https://www.bing.com/",
            Self::DuckDuckGo => "https://duckduckgo.com/",
            Self::Ecosia => "https://www.ecosia.org/",
            Self::Instagram => "https://l.instagram.com/",
            Self::Facebook => "https://www.facebook.com/",
            Self::MobileFacebook => "https://m.facebook.com/",
            Self::TikTok => "https://www.tiktok.com/",
            Self::Reddit => "https://www.reddit.com/",
            Self::YouTube => "https://www.youtube.com/",
            Self::Pinterest => "https://www.pinterest.com/",
            Self::Twitter => "https://t.co/",
            Self::Gmail => "https://mail.google.com/",
            Self::GmailApp => "android-app://com.google.android.gm/",
            Self::Outlook => "https://outlook.live.com/",
            Self::Prices => "https://prices.example/",
            Self::Coupons => "https://coupons.example/",
        }
    }
}

/// One by weight; the last where the weights sum up to less than 1.
pub(super) fn pick<T: Copy>(weighted: &[(T, f64)], random: &mut Random) -> Option<T> {
    let mut left = random.unit();
    let found = weighted.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    found.or(weighted.last()).map(|(value, _)| *value)
}
