# ~/.profile: read by login shells
