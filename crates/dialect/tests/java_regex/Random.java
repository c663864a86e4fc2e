import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.regex.*;

/**
 * Makes patterns and texts at random and asks the JVM about them: `java Random.java 5000 1 > rows.tsv` (how many, seed).
 * The fields are those of cases.tsv, and a fourth with every match that find() gives: from-to of the match and of its
 * groups in bytes. `JAVA_REGEX_ROWS=rows.tsv cargo test random_patterns -- --ignored` compares.
 */
class Random {
    static final String[] ATOMS = {
        "a", "b", "c", "A", "1", "_", "-", " ", "é", "É", "ſ", "😀", "]", "}", "&", "\\.", "\\-", "\\é", ".", ".", "\\d",
        "\\w", "\\s", "\\W", "\\D", "\\S", "\\h", "\\v", "\\R", "\\X", "\\n", "\\r", "\\t", "\\x61", "\\u0061", "\\0141",
        "\\x{1F600}", "\\uD83D\\uDE00", "\\uD83D", "\\cA", "\\Qa.\\E", "\\Q1\\E", "\\p{L}", "\\pL", "\\P{Lu}", "\\p{Lower}",
        "\\p{IsAlphabetic}", "\\p{Punct}", "\\p{InBasicLatin}", "\\p{IsLatin}", "\\p{javaUpperCase}", "\\1", "\\2", "\\12",
        "\\k<n>", "^", "$", "\\b", "\\B", "\\A", "\\Z", "\\z", "\\G", "\n", "#", "\\#",
    };
    static final String[] ODD = {"\\y", "\\", "{", "{2}", "(?", "(?<", "[", ")", "*", "\\E", "\\Q", "(?i", "\\p{X}", "\\8", "\\x{"};
    static final String[] ITEMS = {
        "a", "b", "c", "A", "C", "1", "-", "^", "&", "&&", "&&", "[", "\\]", "\\[", "a-c", "A-C", "b-é", "a-z", "\\d", "\\w",
        "\\W", "\\s", "\\-", "\\^", "\\x61", "\\n", "é", "😀", " ", "\\p{Lu}", "\\P{L}", "\\p{Alpha}", "\\Qa-\\E", "#", "]", ".",
        "$", "K", "s", "k-s", "\\v", "\\h",
    };
    static final String[] TIMES = {"*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}", "{0}", "{3}"};
    static final String[] FLAGS = {"i", "s", "m", "x", "u", "U", "d", "iu", "i-s", "-s", "-i", "ims", "x-s", "md", "-sm"};
    static final String[] TEXT = {
        "a", "a", "a", "b", "b", "c", "A", "B", "1", "_", "-", " ", "é", "É", "😀", "\n", "\n", "\r", "\r\n", "&", "^", "]", "}",
        "ſ", "\u212a", "k", "S", "\u0085", "\u0001", ".", "#",
    };
    static java.util.Random random;
    static boolean named;

    public static void main(String[] args) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        random = new java.util.Random(Long.parseLong(args[1]));
        for (int n = Integer.parseInt(args[0]); n > 0; n--) {
            named = false;
            StringBuilder pattern = new StringBuilder(random.nextInt(6) == 0 ? "(?" + pick(FLAGS) + ")" : "");
            choice(pattern, 3);
            for (int texts = 4; texts > 0; texts--) {
                StringBuilder text = new StringBuilder();
                for (int length = random.nextInt(6); length > 0; length--) text.append(pick(TEXT));
                out.println(field(pattern) + "\t" + field(text) + "\t" + ask(pattern.toString(), text.toString()));
            }
        }
        out.flush();
    }

    static String pick(String[] from) {
        return from[random.nextInt(from.length)];
    }

    static void choice(StringBuilder out, int depth) {
        sequence(out, depth);
        while (random.nextInt(5) == 0) sequence(out.append('|'), depth);
    }

    static void sequence(StringBuilder out, int depth) {
        for (int length = random.nextInt(4); length >= 0; length--) {
            switch (random.nextInt(depth > 0 ? 12 : 7)) {
                case 0, 1, 2, 3 -> out.append(pick(ATOMS));
                case 4, 5 -> out.append("abc".charAt(random.nextInt(3)));
                case 6, 7 -> charClass(out);
                case 8 -> group(out, "(", depth);
                case 9 -> group(out, "(?:", depth);
                case 10 -> {
                    String open = pick(new String[] {"(?=", "(?!", "(?<=", "(?<!", "(?>", "(?<n>", "(?" + pick(FLAGS) + ":"});
                    if (open.equals("(?<n>") && named) open = "(";
                    named |= open.equals("(?<n>");
                    group(out, open, depth);
                }
                default -> out.append(random.nextInt(4) == 0 ? "(?" + pick(FLAGS) + ")" : pick(ATOMS));
            }
            if (random.nextInt(3) == 0) {
                out.append(pick(TIMES));
                if (random.nextInt(3) == 0) out.append(random.nextBoolean() ? '?' : '+');
            }
            if (random.nextInt(60) == 0) out.append(pick(ODD));
        }
    }

    static void group(StringBuilder out, String open, int depth) {
        choice(out.append(open), depth - 1);
        out.append(')');
    }

    static void charClass(StringBuilder out) {
        out.append(random.nextInt(3) == 0 ? "[^" : "[");
        for (int length = random.nextInt(5); length >= 0; length--) {
            String item = pick(ITEMS);
            if (item.equals("[")) charClass(out);
            else out.append(item);
        }
        out.append(']');
    }

    static String ask(String java, String text) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(java, Pattern.DOTALL);
        } catch (IllegalArgumentException e) {
            return "error\t";
        }
        try {
            Matcher matcher = pattern.matcher(text);
            StringBuilder all = new StringBuilder(matcher.matches() ? "match\t" : "no match\t");
            matcher.reset();
            while (matcher.find()) {
                // an empty match within a surrogate pair
                int start = matcher.start();
                if (start > 0 && start < text.length() && Character.isLowSurrogate(text.charAt(start))) continue;
                for (int group = 0; group <= matcher.groupCount(); group++) {
                    all.append(group == 0 ? " " : ",");
                    if (matcher.start(group) < 0) all.append('-');
                    else all.append(bytes(text, matcher.start(group))).append('-').append(bytes(text, matcher.end(group)));
                }
            }
            return all.toString();
        } catch (RuntimeException e) {
            return "broken\t";
        }
    }

    static int bytes(String text, int end) {
        return text.substring(0, end).getBytes(StandardCharsets.UTF_8).length;
    }

    static String field(CharSequence text) {
        Matcher control = Pattern.compile("[\\p{Cntrl}\u0080-\u009f\u2028\u2029]").matcher(text);
        return control.replaceAll(c -> String.format("\u00a4u%04x", (int) c.group().charAt(0)));
    }
}
