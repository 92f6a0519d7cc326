# ~/.bashrc: read by shells that are not login shells
