//! Samples made small: fewer of them, and numbers as differences.
//!
//! A page with a day of 64 devices must open on a phone. What is left out is never what would
//! look bad: of several samples in one place the worst is kept.

use std::fmt::Write as _;

use crate::outcome::{DeviceSample, Sample};

/// How a device is from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// When it begins, in ms.
    pub(super) at_ms: u64,
    /// Its group.
    pub(super) group: usize,
    /// How it is.
    pub(super) state: State,
}

/// How a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Off or asleep.
    Off,
    /// Running, with others in its group.
    Together,
    /// Running, and nobody else that runs is in its group.
    Alone,
}

/// Returns at most so many samples: of each run of neighbours the last, with the worst of all
/// of them where a device was off or showed more than there was.
pub(super) fn thinned(samples: &[Sample], most: usize) -> Vec<Sample> {
    let width = samples.len().div_ceil(most.max(1)).max(1);
    samples.chunks(width).filter_map(worst_of).collect()
}

fn worst_of(samples: &[Sample]) -> Option<Sample> {
    let mut worst = samples.last()?.clone();
    for sample in samples {
        for (worst, device) in worst.devices.iter_mut().zip(&sample.devices) {
            worst.running &= device.running;
            if too_many(device) > too_many(worst) {
                worst.own = device.own;
                worst.own_shown_safe = device.own_shown_safe;
                worst.own_really_safe = device.own_really_safe;
            }
        }
    }
    Some(worst)
}

/// Returns how many entries a device shows safe that are not.
pub(super) fn too_many(device: &DeviceSample) -> u64 {
    device.own_shown_safe.saturating_sub(device.own_really_safe)
}

/// Returns when a device changed its group, went off or came back.
pub(super) fn stretches(samples: &[Sample], device: usize) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for sample in samples {
        let Some(it) = sample.devices.get(device) else {
            continue;
        };
        let state = state(sample, it);
        let same = |last: &Stretch| last.group == it.group && last.state == state;
        if !stretches.last().is_some_and(same) {
            stretches.push(Stretch {
                at_ms: sample.at_ms,
                group: it.group,
                state,
            });
        }
    }
    stretches
}

fn state(sample: &Sample, device: &DeviceSample) -> State {
    let together = |it: &&DeviceSample| it.running && it.group == device.group;
    if !device.running {
        State::Off
    } else if sample.devices.iter().filter(together).count() > 1 {
        State::Together
    } else {
        State::Alone
    }
}

/// Writes numbers as differences to the one before, separated by commas; nothing stands for 0.
pub(super) fn differences(values: impl IntoIterator<Item = u64>) -> String {
    let mut text = String::new();
    let mut before = 0;
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        match value.checked_sub(before) {
            Some(0) => {}
            Some(more) => write!(text, "{more}").unwrap_or_default(),
            None => write!(text, "-{}", before - value).unwrap_or_default(),
        }
        before = value;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, devices: &[(usize, bool, u64, u64)]) -> Sample {
        let devices = devices
            .iter()
            .map(|&(group, running, shown, really)| DeviceSample {
                running,
                group,
                own_shown_safe: shown,
                own_really_safe: really,
                ..DeviceSample::default()
            });
        Sample {
            at_ms,
            devices: devices.collect(),
            ..Sample::default()
        }
    }

    #[test]
    fn numbers_are_written_as_differences() {
        let check = |values: &[u64], text: &str| {
            assert_eq!(differences(values.iter().copied()), text, "{values:?}");
        };
        check(&[], "");
        check(&[0], "");
        check(&[5], "5");
        check(&[5, 5, 7, 3, 3, u64::MAX], "5,,2,-4,,18446744073709551612");
        check(&[0, 0, 1], ",,1");
    }

    #[test]
    fn the_worst_of_thinned_samples_is_kept() {
        let samples = [
            sample(1, &[(0, true, 3, 3)]),
            sample(2, &[(0, false, 5, 3)]),
            sample(3, &[(1, true, 4, 4)]),
            sample(4, &[(0, true, 4, 4)]),
        ];
        let thin = thinned(&samples, 2);
        assert_eq!(thin.iter().map(|it| it.at_ms).collect::<Vec<_>>(), [2, 4]);
        let first = &thinned(&samples[..3], 1)[0];
        assert_eq!((first.at_ms, first.devices[0].running), (3, false));
        assert_eq!(too_many(&first.devices[0]), 2, "the lie stays visible");
        assert_eq!(thinned(&samples, 9).len(), 4);
        assert!(thinned(&[], 9).is_empty(), "nothing of nothing");
    }

    #[test]
    fn a_device_s_groups_are_told_as_changes() {
        let samples = [
            sample(1, &[(0, true, 0, 0), (0, true, 0, 0)]),
            sample(2, &[(0, true, 0, 0), (0, true, 0, 0)]),
            sample(3, &[(0, true, 0, 0), (0, false, 0, 0)]),
            sample(4, &[(0, true, 0, 0), (1, true, 0, 0)]),
            sample(5, &[(0, false, 0, 0), (1, true, 0, 0)]),
            sample(6, &[(0, false, 0, 0), (1, true, 0, 0), (1, true, 0, 0)]),
        ];
        let stretch = |at_ms, group, state| Stretch {
            at_ms,
            group,
            state,
        };
        let first = [
            stretch(1, 0, State::Together),
            stretch(3, 0, State::Alone),
            stretch(5, 0, State::Off),
        ];
        assert_eq!(stretches(&samples, 0), first);
        let second = [
            stretch(1, 0, State::Together),
            stretch(3, 0, State::Off),
            stretch(4, 1, State::Alone),
            stretch(6, 1, State::Together),
        ];
        assert_eq!(stretches(&samples, 1), second);
        let third = [stretch(6, 1, State::Together)];
        assert_eq!(stretches(&samples, 2), third, "it came later");
    }
}
