"""The Scenes world: rendered shapes with a known truth, in the formats of real datasets.

`graph` and `render` make scenes and pictures, `questions` and `language` speak of them, `truth` checks what anyone says
of them, `writers` puts them on disk as datasets.
"""
