"""What an item tells the rules before any rule is read: keys of its text, links, shape, and facts about its author."""
