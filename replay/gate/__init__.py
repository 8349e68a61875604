"""The leak gate: what could belong to somebody real, found before it is kept."""
