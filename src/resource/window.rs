//! When risky steps may be done: the maintenance windows of a stack.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// So many days are looked through for the next opening: a week, and the day on which that begins again.
const LOOK_AHEAD: i64 = 8;

/// A stretch of time that comes back every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it opens, from Monday to Sunday.
    pub days: [bool; 7],
    /// When it opens, in minutes since midnight by the clocks of its zone.
    pub from: u16,
    /// When it closes; not after `from`: on the next day.
    pub to: u16,
    /// The name of the time zone, `Europe/Vilnius`.
    pub zone: String,
}

/// How a set of windows stands at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// One of them is open, or there are none.
    Open,
    /// All are closed; the next one opens then, if any does.
    Closed {
        /// When, and the window.
        next: Option<(Timestamp, Window)>,
    },
}

/// How `windows` stand at `now`.
pub fn opening(windows: &[Window], now: Timestamp) -> Opening {
    let is_open =
        |window: &Window| window.days_around(now, 1, 0).any(|(from, to)| from <= now && now < to);
    if windows.is_empty() || windows.iter().any(is_open) {
        return Opening::Open;
    }
    let next_of = |window: &Window| {
        let coming = window.days_around(now, 0, LOOK_AHEAD).map(|(from, _)| from);
        coming.filter(|from| *from > now).min().map(|from| (from, window.clone()))
    };
    let next = windows.iter().filter_map(next_of).min_by_key(|(from, _)| *from);
    Opening::Closed { next }
}

impl Window {
    /// Whether the time zone is known.
    pub fn is_of_a_known_zone(&self) -> bool {
        TimeZone::get(&self.zone).is_ok()
    }

    /// A moment by the clocks of its zone, in words.
    pub fn moment(&self, at: Timestamp) -> String {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        at.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// The stretches that begin on the days from `back` before to `ahead` after the day of `now`.
    fn days_around(
        &self,
        now: Timestamp,
        back: i64,
        ahead: i64,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let zone = TimeZone::get(&self.zone).ok();
        let today = zone.as_ref().map(|zone| now.to_zoned(zone.clone()).date());
        let days = (-back..=ahead).filter_map(move |offset| {
            let day = today?.checked_add(Span::new().days(offset)).ok()?;
            self.on(day, zone.as_ref()?)
        });
        days.collect::<Vec<_>>().into_iter()
    }

    /// The stretch that begins on `day`. A time that the clocks pass over or repeat is what calendars make of it.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let place = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
        if !*self.days.get(place)? {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let at = |day: Date, minutes: u16| {
            // The last minute of a day may be written as 24:00.
            let (day, minutes) = match minutes {
                1440 => (day.tomorrow().ok()?, 0),
                minutes => (day, minutes),
            };
            let hour = i8::try_from(minutes / 60).ok()?;
            let time = Time::new(hour, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
            Some(day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
        };
        Some((at(day, self.from)?, at(last, self.to)?))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |(place, is_one): (usize, &bool)| {
            let day = Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()?;
            is_one.then(|| format!("{day:?}").chars().take(3).collect::<String>())
        };
        let days: Vec<String> = self.days.iter().enumerate().filter_map(named).collect();
        match days.len() {
            7 => formatter.write_str("daily")?,
            _ => formatter.write_str(&days.join(", "))?,
        }
        let Self { from, to, zone, .. } = self;
        let (from, to) = ((from / 60, from % 60), (to / 60, to % 60));
        write!(formatter, " {:02}:{:02}–{:02}:{:02} {zone}", from.0, from.1, to.0, to.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[usize], from: u16, to: u16, zone: &str) -> Window {
        let mut all = [false; 7];
        days.iter().for_each(|day| all[*day] = true);
        Window { days: all, from, to, zone: zone.to_owned() }
    }

    /// Whether it is open, or when it opens next.
    fn at(window: &Window, now: &str) -> String {
        match opening(std::slice::from_ref(window), now.parse().unwrap()) {
            Opening::Open => "open".to_owned(),
            Opening::Closed { next: Some((at, _)) } => at.to_string(),
            Opening::Closed { next: None } => "never".to_owned(),
        }
    }

    #[test]
    fn a_window_opens_and_closes_by_the_clocks_of_its_zone() {
        // Monday to Thursday, nine to half past four. 30 November 2026 is a Monday; Vilnius is two hours ahead of UTC.
        let working = window(&[0, 1, 2, 3], 540, 990, "Europe/Vilnius");
        assert_eq!(at(&working, "2026-11-30T06:59:59Z"), "2026-11-30T07:00:00Z");
        assert_eq!(at(&working, "2026-11-30T07:00:00Z"), "open");
        assert_eq!(at(&working, "2026-11-30T14:29:59Z"), "open");
        assert_eq!(at(&working, "2026-11-30T14:30:00Z"), "2026-12-01T07:00:00Z");
        assert_eq!(
            at(&working, "2026-12-03T15:00:00Z"),
            "2026-12-07T07:00:00Z",
            "over the weekend"
        );
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let night = window(&[4], 1320, 240, "UTC");
        assert_eq!(at(&night, "2026-12-04T21:59:00Z"), "2026-12-04T22:00:00Z");
        assert_eq!(at(&night, "2026-12-05T03:59:59Z"), "open");
        assert_eq!(at(&night, "2026-12-05T04:00:00Z"), "2026-12-11T22:00:00Z");
        let evening = window(&[4], 1320, 1440, "UTC");
        assert_eq!(at(&evening, "2026-12-04T23:59:59Z"), "open");
        assert_eq!(at(&evening, "2026-12-05T00:00:00Z"), "2026-12-11T22:00:00Z");
    }

    #[test]
    fn when_the_clocks_change_a_window_keeps_its_hours() {
        // On 29 March 2026 the hour from three to four does not exist in Vilnius.
        let early = window(&[6], 210, 300, "Europe/Vilnius");
        assert_eq!(at(&early, "2026-03-29T00:30:00Z"), "2026-03-29T01:30:00Z");
        assert_eq!(at(&early, "2026-03-29T01:59:59Z"), "open");
        assert_eq!(at(&early, "2026-03-29T02:00:00Z"), "2026-04-05T00:30:00Z");
    }

    #[test]
    fn without_windows_it_is_always_open_and_the_first_of_several_counts() {
        assert_eq!(opening(&[], Timestamp::UNIX_EPOCH), Opening::Open);
        let two = [window(&[2], 0, 60, "UTC"), window(&[1], 0, 60, "UTC")];
        let now = "2026-11-30T12:00:00Z".parse().unwrap();
        let Opening::Closed { next: Some((at, which)) } = opening(&two, now) else { panic!() };
        assert_eq!((at.to_string().as_str(), &which), ("2026-12-01T00:00:00Z", &two[1]));
    }

    #[test]
    fn a_window_reads_like_a_calendar() {
        assert_eq!(window(&[0, 4], 540, 1440, "UTC").to_string(), "Mon, Fri 09:00–24:00 UTC");
        assert_eq!(
            window(&[0, 1, 2, 3, 4, 5, 6], 5, 60, "UTC").to_string(),
            "daily 00:05–01:00 UTC"
        );
        assert!(!window(&[0], 0, 1, "Europe/Vilna-Nova").is_of_a_known_zone());
    }
}
