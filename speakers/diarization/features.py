"""Log-mel features as the voice embedder was trained on them. Pure NumPy.

The filterbank follows Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above,
triangles of equal area. It agrees with librosa's to 1e-9 (tried once, librosa is not needed).
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16_000
FFT_SIZE = 512
WINDOW_SIZE = 400
HOP = 160
BANDS = 40

_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_LOG_START_HZ = 1_000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0
_POWER_FLOOR = 1e-10


def log_mel(samples: np.ndarray) -> np.ndarray:
    """float32 samples at 16 kHz -> float32 (frames, 40): log10 mel power every 10 ms."""
    if samples.size < FFT_SIZE:
        samples = np.pad(samples, (0, FFT_SIZE - samples.size))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FFT_SIZE)[::HOP]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.log10(power @ _filterbank().T + _POWER_FLOOR).astype(np.float32)


@cache
def _window() -> np.ndarray:
    """A periodic Hamming window of 400 samples in the middle of 512, float32."""
    phase = 2.0 * np.pi * np.arange(WINDOW_SIZE) / WINDOW_SIZE
    margin = (FFT_SIZE - WINDOW_SIZE) // 2
    return np.pad(0.54 - 0.46 * np.cos(phase), margin).astype(np.float32)


@cache
def _filterbank() -> np.ndarray:
    """float32, shape (40, 257): weight of every FFT bin in every band from 0 to 8 kHz."""
    edges = _hz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1)
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (peak - low)
    falling = (high - bins) / (high - peak)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (high - low)).astype(np.float32)


def _mel(hz: float) -> float:
    """Frequency in Hz -> mel, for frequencies above 1 kHz."""
    return float(_LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP)


def _hz(mel: np.ndarray) -> np.ndarray:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)
